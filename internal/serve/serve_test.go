package serve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/must"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// listen is a listener on a port that is free.
func listen(t *testing.T) net.Listener {
	t.Helper()
	return must.Get(Listen(t.Context(), "127.0.0.1:0"))(t)
}

// served has a handler answer at a listener until the end of the test or until end, which says how long the end took.
func served(t *testing.T, l net.Listener, h http.Handler) (end func() time.Duration) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, h) }()
	var took time.Duration
	var once sync.Once
	end = func() time.Duration {
		once.Do(func() {
			began := time.Now()
			cancel()
			must.Do(t, must.Come(t, done, "the end of what is served"))
			took = time.Since(began)
		})
		return took
	}
	t.Cleanup(func() { end() })
	return end
}

// all are probes that are all answered alike.
func all(answer bool) Probes {
	f := func() bool { return answer }
	return Probes{Startup: f, Ready: f, Live: f, Waiting: f}
}

func TestProbes(t *testing.T) {
	answers := map[string]*bool{StartupPath: new(bool), ReadyPath: new(bool), LivePath: new(bool), WaitingPath: new(bool)}
	asked := 0
	ask := func(path string) func() bool { return func() bool { asked++; return *answers[path] } }
	h := Probes{Startup: ask(StartupPath), Ready: ask(ReadyPath), Live: ask(LivePath), Waiting: ask(WaitingPath)}.Handler()
	do := func(method, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader("x")))
		return w.Code, w.Body.String()
	}
	for path, yes := range answers {
		// Computed at the moment of asking; no says that, and not why.
		for _, *yes = range []bool{true, false, true} {
			want, text := http.StatusOK, "ok\n"
			if !*yes {
				want, text = http.StatusServiceUnavailable, "no\n"
			}
			if code, body := do("GET", path); code != want || body != text {
				t.Errorf("%s while %v: %d %q", path, *yes, code, body)
			}
			if code, _ := do("HEAD", path); code != want {
				t.Errorf("HEAD %s while %v: %d", path, *yes, code)
			}
		}
		*yes = false
		before := asked
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			if code, _ := do(method, path); code != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
		if asked != before {
			t.Errorf("%s: a method that is not allowed asked the gate", path)
		}
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics", "/readyz/x"} {
		if code, _ := do("GET", path); code != http.StatusNotFound {
			t.Errorf("%s: %d", path, code)
		}
	}
}

func TestMetrics(t *testing.T) {
	h := Metrics(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "m") }))
	for request, want := range map[string]int{"GET /metrics": 200, "HEAD /metrics": 200, "POST /metrics": 405, "DELETE /metrics": 405, "GET /": 404, "GET /readyz": 404} {
		method, path, _ := strings.Cut(request, " ")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", request, w.Code, want)
		}
	}
}

func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	at := "unix:" + path
	l := must.Get(Listen(t.Context(), at))(t)
	end := served(t, l, all(true).Handler())
	if code, _, err := Ask(t.Context(), at, ReadyPath); code != http.StatusOK || err != nil {
		t.Errorf("%d, %v", code, err)
	}
	// Alive: refused, and not taken away.
	if _, err := Listen(t.Context(), at); err == nil || !strings.Contains(err.Error(), "another process answers there") {
		t.Error(err)
	}
	if code, _, err := Ask(t.Context(), at, ReadyPath); code != http.StatusOK || err != nil {
		t.Errorf("after a second listener: %d, %v", code, err)
	}
	end()
	if _, _, err := Ask(t.Context(), at, ReadyPath); err == nil {
		t.Error("answered after the end")
	}
	// Left by a process that was killed: replaced.
	fd := must.Get(syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0))(t)
	must.Do(t, errors.Join(syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}), syscall.Close(fd)))
	l = must.Get(Listen(t.Context(), at))(t)
	_ = l.Close()
	// A file that is no socket is not ours to remove.
	must.Do(t, os.WriteFile(path, []byte("dear"), 0o600))
	if _, err := Listen(t.Context(), at); err == nil || !strings.Contains(err.Error(), "not a socket") {
		t.Error(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "dear" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestTakenPort(t *testing.T) {
	l := listen(t)
	defer l.Close()
	if _, err := Listen(t.Context(), l.Addr().String()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Error(err)
	}
}

// The end waits for an answer that is being given.
func TestServeWaitsForAnswers(t *testing.T) {
	l := listen(t)
	entered, leave := make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(entered)
			<-leave
			_, _ = io.WriteString(w, "whole")
		}))
	}()
	got := make(chan string, 1)
	go func() {
		code, _, err := Ask(context.WithoutCancel(t.Context()), l.Addr().String(), "/")
		got <- fmt.Sprint(code, err)
	}()
	<-entered
	cancel()
	select {
	case err := <-served:
		t.Errorf("ended beside an answer: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	if a := <-got; a != "200 <nil>" {
		t.Error(a)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// One who connects and says nothing, or too much, does not keep a connection.
func TestLimits(t *testing.T) {
	l := listen(t)
	served(t, l, all(true).Handler())
	for name, say := range map[string]string{
		"half a header":  "GET /readyz HTTP/1.1\r\nHost: x\r\n",
		"a large header": "GET /readyz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n",
	} {
		c := must.Get(net.Dial("tcp", l.Addr().String()))(t)
		must.Get(fmt.Fprint(c, say))(t)
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		all, err := io.ReadAll(bufio.NewReader(c))
		if errors.Is(err, os.ErrDeadlineExceeded) || strings.Contains(string(all), "200 OK") {
			t.Errorf("%s: %q, %v", name, all, err)
		}
		_ = c.Close()
	}
}

// Who opens connections without end takes no descriptors, and a probe that comes after them is answered.
func TestConnectionsAreLimited(t *testing.T) {
	l := listen(t)
	few := &limited{Listener: l, most: 1 << 20} // it only counts
	end := served(t, few, all(true).Handler())
	for range 4 * maxConnections {
		c := must.Get(new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String()))(t)
		defer c.Close()
	}
	for range 3 {
		status, _, err := Ask(t.Context(), l.Addr().String(), LivePath)
		if err != nil || status != http.StatusOK {
			t.Errorf("a probe behind them: %d, %v", status, err)
		}
	}
	few.mu.Lock()
	if n := len(few.open); n > maxConnections {
		t.Errorf("%d connections are open", n)
	}
	few.mu.Unlock()
	end()
	few.mu.Lock()
	defer few.mu.Unlock()
	if len(few.open) != 0 {
		t.Errorf("%d connections are left", len(few.open))
	}
}

// TestWhy: only what holds the pod back is explained, and only where it is asked for.
func TestWhy(t *testing.T) {
	p, mend := all(false), errors.New("mend it")
	var why error
	p.Why = func() error { return why }
	h := p.Handler()
	for _, c := range []struct {
		path string
		why  error
		want string
	}{
		{StartupPath, mend, "no: mend it"}, {ReadyPath, mend, "no: mend it"}, {LivePath, mend, "no"}, {WaitingPath, mend, "no"}, {ReadyPath, nil, "no"},
	} {
		why = c.why
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
		if got := strings.TrimSpace(w.Body.String()); got != c.want || w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s: %d, %q, want %q", c.path, w.Code, got, c.want)
		}
	}
}
