package devdb

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// secrets are the password and the certificate of one server, made for it and
// thrown away with it. What is not wanted is empty.
type secrets struct {
	password    string // of user root
	enforced    bool   // the server asks who one is
	keyFile     string // by which members know each other
	certificate string // PEM files: one server's certificate,
	key         string // its key,
	both        string // the two in one,
	authority   string // and the authority that signed it
}

func newSecrets(need Need, dir string) (*secrets, error) {
	s := &secrets{}
	if need&Auth != 0 {
		s.password, s.keyFile = rand.Text(), filepath.Join(dir, "keyfile")
		if err := os.WriteFile(s.keyFile, []byte(rand.Text()), 0o400); err != nil {
			return nil, fmt.Errorf("write the members' key: %w", err)
		}
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
func (s *secrets) uri(hosts []string, set string, signIn bool) string {
	return s.build(hosts, url.Values{"replicaSet": {set}}, signIn)
}

// direct is the URI of one member alone.
func (s *secrets) direct(host string) string {
	return s.build([]string{host}, url.Values{"directConnection": {"true"}}, s.enforced)
}

func (s *secrets) build(hosts []string, query url.Values, signIn bool) string {
	uri := url.URL{Scheme: "mongodb", Host: strings.Join(hosts, ","), Path: "/"}
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
		{Key: "createUser", Value: "root"},
		{Key: "pwd", Value: s.password},
		{Key: "roles", Value: bson.A{"root"}},
		// All members may be killed right after it: a majority has it by then.
		{Key: "writeConcern", Value: bson.D{{Key: "w", Value: "majority"}, {Key: "j", Value: true}}},
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
	block := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	certificatePEM, keyPEM := block("CERTIFICATE", serverDER), block("PRIVATE KEY", keyDER)
	for _, file := range []struct {
		path    *string
		name    string
		content []byte
	}{
		{&s.authority, "ca.pem", block("CERTIFICATE", authorityDER)},
		{&s.certificate, "certificate.pem", certificatePEM},
		{&s.key, "key.pem", keyPEM},
		{&s.both, "both.pem", slices.Concat(certificatePEM, keyPEM)},
	} {
		*file.path = filepath.Join(dir, file.name)
		if err := os.WriteFile(*file.path, file.content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
