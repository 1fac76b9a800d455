// Go's crypto/tls, in `make bench-peers` (see scripts/bench-peers).
//
//	go-tls CASE FOLDER COUNT
//
// Prints what one of COUNT handshakes takes, in nanoseconds of CPU time, client and server
// together. The two ends are goroutines on one thread, joined by memory. Everything is the
// default of crypto/tls but the group, which the case names.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) != 4 {
		panic("usage: go-tls CASE FOLDER COUNT")
	}
	runtime.GOMAXPROCS(1)
	kind, group, _ := strings.Cut(os.Args[1], "-")
	if group != "p256" || kind != "full" && kind != "resumed" {
		panic("no case " + os.Args[1])
	}
	count := must(strconv.Atoi(os.Args[3]))
	server, client := configs(os.Args[2])
	resumed := kind == "resumed"
	if resumed {
		client.ClientSessionCache = tls.NewLRUClientSessionCache(8)
		handshake(server, client)
	}
	for i := 0; i <= count/10; i++ {
		if handshake(server, client) != resumed {
			panic("the handshake is not the kind that is to be measured")
		}
	}
	start := cpuTime()
	for i := 0; i < count; i++ {
		handshake(server, client)
	}
	fmt.Println((cpuTime() - start) / int64(count))
}

func configs(folder string) (server, client *tls.Config) {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(must(os.ReadFile(filepath.Join(folder, "ca.pem"))))
	shown := func(name string) []tls.Certificate {
		path := filepath.Join(folder, name)
		return []tls.Certificate{must(tls.LoadX509KeyPair(path+".pem", path+".key"))}
	}
	server = &tls.Config{
		Certificates:     shown("server"),
		ClientAuth:       tls.RequireAndVerifyClientCert,
		ClientCAs:        roots,
		CurvePreferences: []tls.CurveID{tls.CurveP256},
		MinVersion:       tls.VersionTLS13,
	}
	client = &tls.Config{
		Certificates:     shown("client"),
		CurvePreferences: []tls.CurveID{tls.CurveP256},
		MinVersion:       tls.VersionTLS13,
		RootCAs:          roots,
		ServerName:       "localhost",
	}
	return server, client
}

// One handshake, and one byte from the server, so that its ticket arrives.
func handshake(serverConfig, clientConfig *tls.Config) (resumed bool) {
	toServer, toClient := newPipe(), newPipe()
	done := make(chan error)
	server := tls.Server(end{in: toServer, out: toClient}, serverConfig)
	go func() {
		_, err := server.Write([]byte{'x'})
		done <- err
	}()
	client := tls.Client(end{in: toClient, out: toServer}, clientConfig)
	must(io.ReadFull(client, make([]byte, 1)))
	if err := <-done; err != nil {
		panic(err)
	}
	return client.ConnectionState().DidResume
}

// Bytes on their way in one direction; a write never waits.
type pipe struct {
	arrived *sync.Cond
	bytes   []byte
}

func newPipe() *pipe {
	return &pipe{arrived: sync.NewCond(new(sync.Mutex)), bytes: make([]byte, 0, 8192)}
}

type end struct {
	net.Conn
	in, out *pipe
}

func (e end) Read(into []byte) (int, error) {
	e.in.arrived.L.Lock()
	defer e.in.arrived.L.Unlock()
	for len(e.in.bytes) == 0 {
		e.in.arrived.Wait()
	}
	n := copy(into, e.in.bytes)
	e.in.bytes = append(e.in.bytes[:0], e.in.bytes[n:]...)
	return n, nil
}

func (e end) Write(bytes []byte) (int, error) {
	e.out.arrived.L.Lock()
	e.out.bytes = append(e.out.bytes, bytes...)
	e.out.arrived.L.Unlock()
	e.out.arrived.Signal()
	return len(bytes), nil
}

func (e end) LocalAddr() net.Addr                { return &net.UnixAddr{} }
func (e end) RemoteAddr() net.Addr               { return &net.UnixAddr{} }
func (e end) SetDeadline(t time.Time) error      { return nil }
func (e end) SetReadDeadline(t time.Time) error  { return nil }
func (e end) SetWriteDeadline(t time.Time) error { return nil }
func (e end) Close() error                       { return nil }

// CPU time of the whole process, its garbage collector with it.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
