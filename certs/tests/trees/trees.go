// Writes the trees of kubeadm, k3s and RKE2 with Go's crypto/x509 alone, in the manner of the
// real programs: leaves without basic constraints or with PKCS#1 and SEC 1 keys, a CA of serial
// 0 without cRLSign, keyEncipherment on elliptic keys.
//
//	go run trees.go DIR < entries.json
package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

type authority struct {
	Name, CommonName, Certificate, Key, Nochain string
	certificate                                 *x509.Certificate
	key                                         crypto.Signer
}

type leaf struct {
	Name, CommonName, Organization, Issuer string
	Certificate, Key, Kubeconfig           string
	DNS, IP                                []string
	Server, Client                         bool
	Kubeconfig_server, User, Kubelet       string
}

type keys struct{ Private, Public string }

type tree struct {
	Kubeadm     bool
	Authorities []*authority
	Leaves      []leaf
	Texts       map[string]string
	Keys        []keys
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "trees.go:", err)
		os.Exit(1)
	}
}

func (t *tree) newKey() crypto.Signer {
	if t.Kubeadm {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		check(err)
		return key
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	return key
}

func keyPEM(key crypto.Signer) []byte {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		check(err)
		return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	}
	return nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func write(dir, name string, mode os.FileMode, content []byte) {
	path := filepath.Join(dir, name)
	check(os.MkdirAll(filepath.Dir(path), 0o755))
	check(os.WriteFile(path, content, mode))
}

func main() {
	var t tree
	dir := os.Args[1]
	check(json.NewDecoder(os.Stdin).Decode(&t))
	now := time.Now().UTC()
	byName := map[string]*authority{}
	for _, a := range t.Authorities {
		a.key = t.newKey()
		// k8s.io/client-go/util/cert.NewSelfSignedCACert
		template := x509.Certificate{
			SerialNumber:          new(big.Int).SetInt64(0),
			Subject:               pkix.Name{CommonName: a.CommonName},
			NotBefore:             now.Add(-5 * time.Minute),
			NotAfter:              now.Add(3650 * 24 * time.Hour),
			KeyUsage:              x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			BasicConstraintsValid: true,
			IsCA:                  true,
		}
		if t.Kubeadm {
			template.DNSNames = []string{a.CommonName}
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, &template, a.key.Public(), a.key)
		check(err)
		a.certificate, err = x509.ParseCertificate(der)
		check(err)
		write(dir, a.Certificate, 0o644, certPEM(der))
		write(dir, a.Key, 0o600, keyPEM(a.key))
		if a.Nochain != "" {
			write(dir, a.Nochain, 0o644, certPEM(der))
		}
		byName[a.Name] = a
	}
	for _, l := range t.Leaves {
		issuer, key := byName[l.Issuer], t.newKey()
		serial, err := rand.Int(rand.Reader, new(big.Int).SetInt64(1<<62))
		check(err)
		template := x509.Certificate{
			SerialNumber: serial.Add(serial, big.NewInt(1)),
			Subject:      pkix.Name{CommonName: l.CommonName},
			DNSNames:     l.DNS,
			NotBefore:    issuer.certificate.NotBefore,
			NotAfter:     now.Add(365 * 24 * time.Hour),
			KeyUsage:     x509.KeyUsageKeyEncipherment | x509.KeyUsageDigitalSignature,
			// rancher/dynamiclistener leaves basic constraints out, kubeadm has them.
			BasicConstraintsValid: t.Kubeadm,
		}
		if l.Organization != "" {
			template.Subject.Organization = []string{l.Organization}
		}
		for _, ip := range l.IP {
			template.IPAddresses = append(template.IPAddresses, net.ParseIP(ip))
		}
		if l.Server {
			template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		}
		if l.Client {
			template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		}
		der, err := x509.CreateCertificate(rand.Reader, &template, issuer.certificate, key.Public(), issuer.key)
		check(err)
		file := certPEM(der)
		if l.Kubeconfig != "" {
			b64 := base64.StdEncoding.EncodeToString
			user := fmt.Sprintf("    client-certificate-data: %s\n    client-key-data: %s\n",
				b64(file), b64(keyPEM(key)))
			if l.Kubelet != "" {
				// kubeadm init's phase kubelet-finalize: the kubelet renews its leaf itself.
				user = fmt.Sprintf("    client-certificate: %[1]s\n    client-key: %[1]s\n", l.Kubelet)
			}
			// As clientcmd.WriteToFile renders it.
			text := fmt.Sprintf(`apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: %[3]s
  name: %[3]s@kubernetes
current-context: %[3]s@kubernetes
kind: Config
preferences: {}
users:
- name: %[3]s
  user:
%[4]s`, b64(certPEM(issuer.certificate.Raw)), l.Kubeconfig_server, l.User, user)
			write(dir, l.Kubeconfig, 0o600, []byte(text))
			continue
		}
		if !t.Kubeadm {
			file = bytes.Join([][]byte{file, certPEM(issuer.certificate.Raw)}, nil)
		}
		write(dir, l.Certificate, 0o644, file)
		write(dir, l.Key, 0o600, keyPEM(key))
	}
	for _, set := range t.Keys {
		if set.Public == "" {
			// k3s's keys of kubelets; those that sign tokens are RSA in all three.
			write(dir, set.Private, 0o600, keyPEM(t.newKey()))
			continue
		}
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		check(err)
		content := keyPEM(key)
		write(dir, set.Private, 0o600, content)
		if filepath.Ext(set.Public) == ".key" {
			write(dir, set.Public, 0o600, content)
			continue
		}
		der, err := x509.MarshalPKIXPublicKey(key.Public())
		check(err)
		write(dir, set.Public, 0o600, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	}
	for name, text := range t.Texts {
		write(dir, name, 0o600, []byte(text))
	}
}
