package kube

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/kubetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	podName = "orders-0"
	podUID  = "11111111-2222"
	marker  = "MONGOGATE_WORKLOAD"
)

// api is a server, a client of it, and what is logged.
type api struct {
	*kubetest.Server
	client *Client
	dir    string
	log    *lines
}

// lines keeps what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) told() Told {
	return Told{Log: funcr.New(func(prefix, args string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.text.WriteString(prefix + args + "\n")
	}, funcr.Options{})}
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) count(text string) int { return strings.Count(l.String(), text) }

func start(t *testing.T) *api {
	t.Helper()
	a := &api{Server: kubetest.Start(t, podName, podUID), dir: t.TempDir(), log: &lines{}}
	if err := kubetest.WriteAccount(a.dir); err != nil {
		t.Fatal(err)
	}
	c, err := New(Place{Host: a.Host, Port: a.Port, Account: a.dir, Pod: Pod{Name: podName, UID: podUID, Node: "n1", JobName: "nightly-1", JobUID: "job-uid"}})
	if err != nil {
		t.Fatal(err)
	}
	a.client = c
	t.Cleanup(func() {
		c.Close()
		if strings.Contains(a.log.String(), kubetest.Token) {
			t.Error("the token is in the log")
		}
		if t.Failed() {
			t.Log(a.log.String())
		}
	})
	return a
}

func quick(int) time.Duration { return time.Millisecond }

func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not in time: " + what)
		}
	}
}

// away answers nothing until the call is given up or released.
func (a *api) away() (release func()) {
	gone := make(chan struct{})
	a.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-gone:
			return false
		case <-r.Context().Done():
			return true
		}
	})
	return sync.OnceFunc(func() { close(gone) })
}
