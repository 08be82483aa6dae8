package settings

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"slices"
	"strings"
	"testing"
)

// authority is a certificate in PEM.
func authority(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// withFile is a world with flags and one file, /x.
func withFile(text string, args ...string) world {
	w := flagsOf(args...)
	w.files = map[string]string{"/x": text}
	return w
}

func TestAuthorityIsAddedToTheConnectionString(t *testing.T) {
	files := map[string]string{"/run/my ca.pem": authority(t)}
	const option = "tlsCAFile=%2Frun%2Fmy+ca.pem"
	for uri, want := range map[string]string{
		"mongodb://h":                                     "mongodb://h/?" + option,
		"mongodb://u:p@h/":                                "mongodb://u:p@h/?" + option,
		"mongodb://u:p@h,i/db":                            "mongodb://u:p@h,i/db?" + option,
		"mongodb+srv://h/?appName=x":                      "mongodb+srv://h/?appName=x&" + option,
		"mongodb://h/?tls=true&":                          "mongodb://h/?tls=true&" + option,
		"mongodb://h/?tlsCAFile=%2Frun%2Fmy%20ca.pem":     "mongodb://h/?tlsCAFile=%2Frun%2Fmy%20ca.pem",
		"mongodb://h/?TLSCAFile=/other":                   "names another file",
		"mongodb://h/?sslCertificateAuthorityFile=/other": "names another file",
		"mongodb://h/?tls=false":                          "no TLS",
		"mongodb://h/?ssl=false":                          "no TLS",
	} {
		s, err := world{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI=" + uri}, args: []string{"--tls-ca-file=/run/my ca.pem"}, files: files}.load(t, "run")
		if !strings.HasPrefix(want, "mongodb") {
			var e *Error
			if !errors.As(err, &e) || e.Problems[0].Field != "tls-ca-file" || !strings.Contains(e.Problems[0].Message, want) {
				t.Errorf("%s: %v, want %s", uri, err, want)
			}
			continue
		}
		if err != nil || s.URI.Reveal() != want || len(s.Warnings) > 0 {
			t.Errorf("%s: %v, %v, want %s", uri, s, err, want)
			continue
		}
		if _, files, err := s.Reread(os.ReadFile); err != nil || !slices.Equal(files, []string{"/run/my ca.pem"}) || !s.FromFiles() {
			t.Errorf("%s: files %v, %v", uri, files, err)
		}
	}
}

func TestReread(t *testing.T) {
	files := map[string]string{"/run/uri": goodURI, "/run/ca": authority(t)}
	s, err := world{env: []string{"MONGOGATE_KEY=k"}, args: []string{"--uri-file=/run/uri", "--tls-ca-file=/run/ca"}, files: files}.load(t, "run")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"  mongodb://u:" + canary + "2@h/\n":       "mongodb://u:" + canary + "2@h/?tlsCAFile=%2Frun%2Fca",
		"mongodb://u:" + canary + "2@h/?tls=false": "there is no TLS",
		"":                                   "the file is empty",
		canary + "\n" + canary:               "more than a connection string",
		canary + strings.Repeat("x", maxURI): "more than a connection string",
	} {
		uri, named, err := s.Reread(func(name string) ([]byte, error) {
			if name != "/run/uri" {
				t.Errorf("%s is read", name)
			}
			return []byte(text), nil
		})
		if strings.HasPrefix(want, "mongodb") {
			if err != nil || uri.Reveal() != want || !slices.Equal(named, []string{"/run/ca"}) {
				t.Errorf("%.40q: %v, %v, %v", text, uri.Reveal(), named, err)
			}
			continue
		}
		if err == nil || uri != "" || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
	if _, _, err := s.Reread(func(string) ([]byte, error) { return nil, os.ErrNotExist }); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is away: %v", err)
	}
	// What came from a variable stays.
	s, err = world{env: plain()}.load(t, "run")
	if err != nil {
		t.Fatal(err)
	}
	if uri, named, err := s.Reread(nil); err != nil || uri.Reveal() != goodURI || len(named) > 0 || s.FromFiles() {
		t.Errorf("from a variable: %v, %v", named, err)
	}
}

func TestFilesOfAConnectionString(t *testing.T) {
	got := filesOf("mongodb://h/?tls=true&tlsCAFile=/ca&TLSCertificateKeyFile=%2Fa%20b&appName=x&tlsCertificateFile=/c&tlsPrivateKeyFile=/k")
	if want := []string{"/a b", "/c", "/ca", "/k"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
