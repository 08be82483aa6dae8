package kube

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/problem"
	"github.com/mongogate/mongogate/test/kubetest"
)

// get reads the pod, to try the client.
func (a *api) get(t *testing.T) error {
	t.Helper()
	p, err := a.client.readPod(t.Context())
	if err == nil && p.Metadata.UID != podUID {
		t.Errorf("uid %q", p.Metadata.UID)
	}
	if err != nil && strings.Contains(err.Error(), kubetest.Token) {
		t.Errorf("the token is in the error: %v", err)
	}
	return err
}

func (a *api) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (a *api) file(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(a.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEverythingThatIsMissingIsNamed(t *testing.T) {
	_, err := New(Place{Account: filepath.Join(t.TempDir(), "none")})
	if err == nil {
		t.Fatal("a client of nothing")
	}
	for _, want := range []string{"KUBERNETES_SERVICE_HOST", "POD_NAME", "POD_UID", "automountServiceAccountToken: true"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
	if lines := strings.Split(err.Error(), "\n"); len(lines) != 4 {
		t.Errorf("%d lines, want one for each: %q", len(lines), lines)
	}
	a := start(t)
	for _, name := range []string{"token", "ca.crt", "namespace"} {
		was := a.file(t, name)
		a.write(t, name, " \n")
		_, err := New(Place{Host: a.Host, Port: a.Port, Account: a.dir, Pod: a.client.pod})
		if err == nil || !strings.Contains(err.Error(), name+" is empty") {
			t.Errorf("empty %s: %v", name, err)
		}
		a.write(t, name, was)
	}
	a.write(t, "ca.crt", "no certificate")
	if _, err := New(Place{Host: a.Host, Port: a.Port, Account: a.dir, Pod: a.client.pod}); !errors.As(err, new(problem.Problem)) || !strings.Contains(err.Error(), "root certificates") {
		t.Errorf("authorities that are none: %v", err)
	}
}

func TestTheTokenGoesNowhereElse(t *testing.T) {
	a := start(t)
	var asked atomic.Int32
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer elsewhere.Close()
	a.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		return true
	})
	if err := a.get(t); codeOf(err) != http.StatusTemporaryRedirect || asked.Load() != 0 {
		t.Errorf("%v, asked %d times", err, asked.Load())
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	a := start(t)
	for what, f := range map[string]func(http.ResponseWriter){
		"a proxy's page": func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound); _, _ = w.Write([]byte("<html>")) },
		"no JSON":        func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>")) },
		"far too much":   func(w http.ResponseWriter) { _, _ = w.Write([]byte(`"` + strings.Repeat("x", maxAnswer) + `"`)) },
		"half of it":     func(w http.ResponseWriter) { w.Header().Set("Content-Length", "100"); _, _ = w.Write([]byte(`{`)) },
	} {
		a.Fault(func(w http.ResponseWriter, _ *http.Request) bool { f(w); return true })
		err := a.get(t)
		if err == nil || answered(err, "NotFound") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnAnswerIsBounded(t *testing.T) {
	a := start(t)
	for what, header := range map[string]func(http.ResponseWriter){
		"an answer": func(http.ResponseWriter) {},
		"a refusal": func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) },
		"a refusal that is later": func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	} {
		gone := make(chan struct{})
		a.Fault(func(w http.ResponseWriter, _ *http.Request) bool {
			defer close(gone)
			header(w)
			for part, sent := make([]byte, 1<<20), 0; sent < 1<<30; sent += len(part) {
				if _, err := w.Write(part); err != nil {
					return true
				}
			}
			return true
		})
		began := time.Now()
		err := a.get(t)
		<-gone
		if took := time.Since(began); err == nil || took > callTimeout/2 {
			t.Errorf("%s without end: %v after %v", what, err, took)
		}
	}
}

func TestEachCallHasADeadline(t *testing.T) {
	a := start(t)
	defer a.away()()
	began := time.Now()
	if err := a.get(t); err == nil {
		t.Error("no answer, and no error")
	}
	if took := time.Since(began); took > callTimeout+2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestCan(t *testing.T) {
	a := start(t)
	a.Deny("patch pods")
	for right, want := range map[Right]bool{MayWriteEvents: true, MayLabel: false, MayRead: true} {
		if got, err := a.client.Can(t.Context(), right); err != nil || got != want {
			t.Errorf("%v: %v, %v", right, got, err)
		}
	}
}
