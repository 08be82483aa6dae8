package serve

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// A waiting standby is asked once, and answered when it holds: no probe fails meanwhile. The answer outlives the time limits of other requests.
func TestStartupWaits(t *testing.T) {
	var held atomic.Bool
	p := all(false)
	p.Startup = held.Load
	l := listen(t)
	at := l.Addr().String()
	served(t, l, p.Handler())
	began := time.Now()
	time.AfterFunc(6*time.Second, func() { held.Store(true) }) // longer than the server's ReadTimeout
	code, line, err := Ask(t.Context(), at, StartupPath+"?wait=1m")
	if took := time.Since(began); err != nil || code != http.StatusOK || line != "ok" || took < 5*time.Second {
		t.Errorf("%d %q after %v: %v", code, line, took, err)
	}
	// Without ?wait=, with one that is none, and of other questions the answer comes at once.
	held.Store(false)
	for _, path := range []string{StartupPath, StartupPath + "?wait=soon", StartupPath + "?wait=-1s", ReadyPath + "?wait=1m", LivePath + "?wait=1m"} {
		began := time.Now()
		code, _, err := Ask(t.Context(), at, path)
		if took := time.Since(began); err != nil || code != http.StatusServiceUnavailable || took > 30*time.Second {
			t.Errorf("%s: %d after %v: %v", path, code, took, err)
		}
	}
	if code, _, err := Ask(t.Context(), at, StartupPath+"?wait=300ms"); err != nil || code != http.StatusServiceUnavailable {
		t.Errorf("a wait that ends: %d %v", code, err)
	}
}

// Who waits holds up no end, and takes no place from the kubelet for longer than it stays.
func TestStartupWaitersEnd(t *testing.T) {
	l := listen(t)
	at, end := l.Addr().String(), served(t, l, all(false).Handler())
	answers := make(chan int, 2*maxWaiters)
	for range 2 * maxWaiters {
		go func() {
			code, _, _ := Ask(t.Context(), at, StartupPath+"?wait=10m")
			answers <- code
		}()
	}
	for range maxWaiters { // those for whom there is no place
		if code := <-answers; code != http.StatusServiceUnavailable {
			t.Errorf("%d", code)
		}
	}
	if took := end(); took > 900*time.Millisecond {
		t.Errorf("the end took %v: it waited for those who wait", took)
	}
	for range maxWaiters {
		<-answers
	}
}

// What the owner of the pod has to mend is told although the answer is waited for.
func TestStartupSaysWhy(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes 20 s")
	}
	p := all(false)
	p.Why = func() error { return errors.New("mend me") }
	l := listen(t)
	served(t, l, p.Handler())
	code, line, err := Ask(t.Context(), l.Addr().String(), StartupPath+"?wait=5m")
	if err != nil || code != http.StatusServiceUnavailable || line != "no: mend me" {
		t.Errorf("%d %q: %v", code, line, err)
	}
}
