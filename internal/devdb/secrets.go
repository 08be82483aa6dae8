package devdb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// secrets are the password and the certificate of one server, made for it and
// thrown away with it. Each is empty if it is not wanted.
type secrets struct {
	password    string // of user root
	certificate string // PEM files: an authority that signed itself and one server's certificate
	key         string
	authority   string
}

func newSecrets(need Need, dir string) (*secrets, error) {
	s := &secrets{}
	if need&Auth != 0 {
		s.password = rand.Text()
	}
	if need&TLS != 0 {
		if err := s.certify(dir); err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
	}
	return s, nil
}

func (s *secrets) auth() bool { return s.password != "" }
func (s *secrets) tls() bool  { return s.certificate != "" }

// uri of a replica set, with or without who signs in.
func (s *secrets) uri(hosts, set string, signIn bool) string {
	query := url.Values{"replicaSet": {set}}
	uri := url.URL{Scheme: "mongodb", Host: hosts, Path: "/"}
	if signIn && s.auth() {
		uri.User = url.UserPassword("root", s.password)
		query.Set("authSource", "admin")
	}
	if s.tls() {
		query.Set("tls", "true")
		query.Set("tlsCAFile", s.authority)
	}
	uri.RawQuery = query.Encode()
	return uri.String()
}

// addRoot makes the user root on a server that does not yet ask who one is.
func (s *secrets) addRoot(ctx context.Context, client *mongo.Client) error {
	err := client.Database("admin").RunCommand(ctx, bson.D{
		{Key: "createUser", Value: "root"}, {Key: "pwd", Value: s.password}, {Key: "roles", Value: bson.A{"root"}},
	}).Err()
	if err != nil {
		return fmt.Errorf("make the user root: %w", err)
	}
	return nil
}

// certify writes an authority, a certificate for loopback that it signed, and the key.
func (s *secrets) certify(dir string) error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "devdb authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "127.0.0.1"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		// Members of a set are each other's clients.
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	authorityDER, err := x509.CreateCertificate(rand.Reader, authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return err
	}
	serverDER, err := x509.CreateCertificate(rand.Reader, server, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	s.authority, s.certificate, s.key = filepath.Join(dir, "ca.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "key.pem")
	write := func(path, kind string, der []byte) error {
		return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	return errors.Join(write(s.authority, "CERTIFICATE", authorityDER), write(s.certificate, "CERTIFICATE", serverDER),
		write(s.key, "PRIVATE KEY", keyDER))
}
