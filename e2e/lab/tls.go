//go:build linux

package lab

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"time"
)

// Terminator speaks TLS to clients and passes on what they say in the clear.
type Terminator struct {
	// Addr is its host and port.
	Addr string
	// Authority is the certificate that signed its own, in PEM.
	Authority string

	listener net.Listener
	target   string
	links    sync.WaitGroup
	mu       sync.Mutex
	open     map[net.Conn]struct{}
	closed   bool
}

// Terminate puts TLS in front of a host and port, at the address at which pods reach this machine. Close it.
func (d *Database) Terminate(target string) (*Terminator, error) {
	authority, certificate, err := certify(d.host)
	if err != nil {
		return nil, fmt.Errorf("lab: make a certificate: %w", err)
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	listener, err := tls.Listen("tcp", net.JoinHostPort(d.host.String(), "0"), config)
	if err != nil {
		return nil, fmt.Errorf("lab: TLS at %s (%s): %w", d.host, EnvHost, err)
	}
	t := &Terminator{Addr: listener.Addr().String(), Authority: authority, listener: listener, target: target, open: map[net.Conn]struct{}{}}
	t.links.Go(t.accept)
	return t, nil
}

// Close ends every connection.
func (t *Terminator) Close() error {
	err := t.listener.Close()
	t.mu.Lock()
	t.closed = true
	for c := range t.open {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.links.Wait()
	return err
}

func (t *Terminator) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		t.links.Go(func() { t.link(client) })
	}
}

// link passes on both ways until one end is closed.
func (t *Terminator) link(client net.Conn) {
	server, err := net.DialTimeout("tcp", t.target, 5*time.Second)
	if err != nil {
		_ = client.Close()
		return
	}
	t.mu.Lock()
	t.open[client], t.open[server] = struct{}{}, struct{}{}
	closed := t.closed
	t.mu.Unlock()
	closeBoth := func() { _ = client.Close(); _ = server.Close() }
	if closed {
		closeBoth()
	}
	var ways sync.WaitGroup
	ways.Go(func() { _, _ = io.Copy(server, client); closeBoth() })
	ways.Go(func() { _, _ = io.Copy(client, server); closeBoth() })
	ways.Wait()
	t.mu.Lock()
	delete(t.open, client)
	delete(t.open, server)
	t.mu.Unlock()
}

// Authority is the certificate of an authority that signed nothing, in PEM.
func Authority() (string, error) {
	_, _, text, err := newAuthority()
	return text, err
}

func newAuthority() (*x509.Certificate, *ecdsa.PrivateKey, string, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "e2e authority " + rand.Text()[:6]},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 0, 1),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, nil, "", err
	}
	return template, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

// certify makes a certificate for an address, and the authority that signed it.
func certify(host net.IP) (authority string, certificate tls.Certificate, err error) {
	parent, parentKey, authority, err := newAuthority()
	if err != nil {
		return "", certificate, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", certificate, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host.String()}, NotBefore: parent.NotBefore, NotAfter: parent.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{host},
	}, parent, key.Public(), parentKey)
	return authority, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
