// A TLS client or server of Go's standard library that echoes and says what it saw.
//
// It builds with Go 1.19 and later, without modules. Each connection prints one line:
// "version=771;suite=49195;group=23;resumed=false;peer=NAME", with group=0 where this Go does
// not tell, or "error: TEXT".
package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// How long a connection may take.
const patience = 20 * time.Second

var (
	listen  = flag.Bool("listen", false, "be a server on 127.0.0.1, on a port the system chooses")
	connect = flag.String("connect", "", "be a client of this address")
	name    = flag.String("name", "", "the server's name")
	message = flag.String("message", "", "what a client says, and a server waits for")
	answer  = flag.String("answer", "", "what the server is to send back")
	version = flag.Uint("version", 0, "the one version")
	suite   = flag.Uint("suite", 0, "the one suite; of TLS 1.2 alone, Go chooses among those of 1.3")
	groups  = flag.String("groups", "", "the groups, with commas between")
	ca      = flag.String("ca", "", "file of the CA both sides trust")
	chain   = flag.String("chain", "", "file of the own certificates")
	key     = flag.String("key", "", "file of the own key")
	mutual  = flag.Bool("mutual", false, "require a client's certificate")
	times   = flag.Int("times", 2, "how often to connect, resuming from the second time on")
)

func main() {
	flag.Parse()
	config, err := settings()
	if err == nil && *listen {
		err = serve(config)
	} else if err == nil {
		for i := 0; i < *times && err == nil; i++ {
			err = dial(config)
		}
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func settings() (*tls.Config, error) {
	config := &tls.Config{
		ServerName:         *name,
		MinVersion:         uint16(*version),
		MaxVersion:         uint16(*version),
		CipherSuites:       []uint16{uint16(*suite)},
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	for _, group := range strings.Split(*groups, ",") {
		number, err := strconv.ParseUint(group, 10, 16)
		if err != nil {
			return nil, err
		}
		config.CurvePreferences = append(config.CurvePreferences, tls.CurveID(number))
	}
	pem, err := os.ReadFile(*ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + *ca)
	}
	config.RootCAs, config.ClientCAs = roots, roots
	if *chain != "" {
		own, err := tls.LoadX509KeyPair(*chain, *key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{own}
	}
	if *mutual {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return config, nil
}

func dial(config *tls.Config) error {
	conn, err := net.DialTimeout("tcp", *connect, patience)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	secure := tls.Client(conn, config)
	if _, err := io.WriteString(secure, *message+"\n"); err != nil {
		return err
	}
	// To the end, so that tickets are read, too.
	received, err := io.ReadAll(secure)
	if err != nil {
		return err
	}
	if !strings.Contains(string(received), *answer) {
		return fmt.Errorf("not the answer: %q", received)
	}
	say(secure.ConnectionState())
	return secure.Close()
}

func serve(config *tls.Config) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("listening on", listener.Addr())
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := echo(tls.Server(conn, config)); err != nil {
			fmt.Println("error:", err)
		}
	}
}

// echo sends everything back until the message has come, then waits for the client to leave.
func echo(conn *tls.Conn) error {
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	var received strings.Builder
	buffer := make([]byte, 1<<14)
	for !strings.Contains(received.String(), *message) {
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		received.Write(buffer[:n])
		if _, err := conn.Write(buffer[:n]); err != nil {
			return err
		}
	}
	say(conn.ConnectionState())
	_, err := io.Copy(io.Discard, conn)
	return err
}

func say(state tls.ConnectionState) {
	peer := ""
	if len(state.PeerCertificates) > 0 {
		peer = state.PeerCertificates[0].Subject.CommonName
	}
	// Told from Go 1.25 on.
	group := uint64(0)
	if field := reflect.ValueOf(state).FieldByName("CurveID"); field.IsValid() {
		group = field.Uint()
	}
	fmt.Printf("version=%d;suite=%d;group=%d;resumed=%t;peer=%s\n",
		state.Version, state.CipherSuite, group, state.DidResume, peer)
}
