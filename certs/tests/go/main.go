// Go's own view of certificates: verifies a leaf, makes requests, signs one.
package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"net"
	"os"
)

func main() {
	roots := flag.String("roots", "", "file of trusted certificates")
	chain := flag.String("chain", "", "file of the leaf and what follows it")
	usage := flag.String("usage", "", "server or client")
	name := flag.String("name", "", "DNS name or address the leaf must hold for")
	request := flag.String("request", "", "file to write a request to")
	kind := flag.String("key", "p256", "key of the request: p256, p384 or rsa2048")
	check := flag.String("check", "", "file of a request whose signature is checked")
	flag.Parse()
	var err error
	switch {
	case *request != "":
		err = makeRequest(*request, *kind)
	case *check != "":
		err = checkRequest(*check)
	default:
		err = verify(*roots, *chain, *usage, *name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func verify(roots, chain, usage, name string) error {
	trusted, err := os.ReadFile(roots)
	if err != nil {
		return err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(trusted) {
		return fmt.Errorf("no certificate in %s", roots)
	}
	rest, err := os.ReadFile(chain)
	if err != nil {
		return err
	}
	var leaf *x509.Certificate
	between := x509.NewCertPool()
	for {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		found, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return err
		}
		if leaf == nil {
			leaf = found
		} else {
			between.AddCert(found)
		}
	}
	if leaf == nil {
		return fmt.Errorf("no leaf in %s", chain)
	}
	purpose := x509.ExtKeyUsageClientAuth
	if usage == "server" {
		purpose = x509.ExtKeyUsageServerAuth
	}
	_, err = leaf.Verify(x509.VerifyOptions{
		DNSName:       name,
		Roots:         pool,
		Intermediates: between,
		KeyUsages:     []x509.ExtKeyUsage{purpose},
	})
	return err
}

func makeRequest(path, kind string) error {
	var key crypto.Signer
	var err error
	switch kind {
	case "p256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "p384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "rsa2048":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	default:
		err = fmt.Errorf("no key is called %s", kind)
	}
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: "system:node:node-1", Organization: []string{"system:nodes"}},
		DNSNames:    []string{"node-1"},
		IPAddresses: []net.IP{net.ParseIP("192.0.2.10"), net.ParseIP("2001:db8::10")},
	}, key)
	if err != nil {
		return err
	}
	block := &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}
	return os.WriteFile(path, pem.EncodeToMemory(block), 0o644)
}

func checkRequest(path string) error {
	file, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	block, _ := pem.Decode(file)
	if block == nil {
		return fmt.Errorf("no PEM in %s", path)
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	return request.CheckSignature()
}
