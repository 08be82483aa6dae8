package kube

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/rest"

	"github.com/mongogate/mongogate/test/kubetest"
	"github.com/mongogate/mongogate/test/must"
)

// wire is an API server that is reached without a network, so that its tests run under virtual time.
type wire struct {
	client *Client
	dir    string // the account's files
	log    *lines
	calls  chan net.Conn
	closed chan struct{}

	mu      sync.Mutex
	cert    tls.Certificate
	handler http.HandlerFunc
}

// wired starts one that answers by its handler, and a client of it. It is to be called within a bubble.
func wired(t *testing.T, handler http.HandlerFunc) *wire {
	t.Helper()
	w := &wire{dir: t.TempDir(), log: &lines{}, calls: make(chan net.Conn), closed: make(chan struct{}), handler: handler}
	w.write(t, "token", "one")
	w.write(t, "ca.crt", w.reissue(t))
	server := &http.Server{
		Handler:  http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.current()(rw, r) }),
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0), // a client that does not trust it is what some tests are about
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(tls.NewListener(w, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return &w.cert, nil
		}}))
	}()
	api := must.Get(connect(&rest.Config{
		Host:            "https://api.test",
		BearerTokenFile: filepath.Join(w.dir, "token"),
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(w.dir, "ca.crt")},
		Dial:            w.dial,
	}))(t)
	w.client = &Client{pod: Pod{Namespace: kubetest.Namespace, Name: podName, UID: podUID}, rest: api}
	t.Cleanup(func() {
		w.client.Close()
		_ = server.Close()
		<-served
	})
	return w
}

// answer has the server answer by another handler.
func (w *wire) answer(handler http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handler = handler
}

func (w *wire) current() http.HandlerFunc {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.handler
}

// reissue gives the server a certificate of a new authority, which it returns.
func (w *wire) reissue(t *testing.T) string {
	t.Helper()
	key := must.Get(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"api.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der := must.Get(x509.CreateCertificate(rand.Reader, template, template, key.Public(), key))(t)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func (w *wire) write(t *testing.T, name, text string) {
	t.Helper()
	must.Do(t, os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600))
}

func (w *wire) remove(t *testing.T, name string) {
	t.Helper()
	must.Do(t, os.Remove(filepath.Join(w.dir, name)))
}

// get reads the pod.
func (w *wire) get(t *testing.T) error {
	t.Helper()
	_, err := w.client.readPod(t.Context())
	return err
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case w.calls <- far:
		return near, nil
	case <-w.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Accept, Close and Addr are those of a net.Listener.
func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.calls:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error { close(w.closed); return nil }

func (*wire) Addr() net.Addr { return &net.UnixAddr{} }
