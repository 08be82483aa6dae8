package kube

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func (a *api) status(t *testing.T) *Status {
	t.Helper()
	s := newStatus(a.client, marker, a.log.told(), quick)
	t.Cleanup(s.Close)
	return s
}

func (a *api) be(c podCase) {
	_, spec, state := c.parts()
	a.SetPod(spec, state)
}

var (
	jobRuns  = podCase{policy: "Never", states: status("main", running)}
	jobEnded = podCase{policy: "Never", states: status("main", over)}
	deployed = podCase{policy: "Always", states: status("main", over)}
)

func (a *api) reads() int { return strings.Count(strings.Join(a.Calls(), "\n"), "GET pods") }

func TestStatusOfAJob(t *testing.T) {
	a := start(t)
	a.be(jobRuns)
	s := a.status(t)
	until(t, "what the pod can prove is known", s.Final)
	if s.Ended() {
		t.Error("evidence, and the container runs")
	}
	a.be(jobEnded)
	until(t, "evidence", s.Ended)
	// It is known for good: nobody is asked any more.
	before := a.reads()
	for range 100 {
		if !s.Ended() {
			t.Fatal("the evidence is gone")
		}
	}
	if now := a.reads(); now > before+1 { // one may have been on its way
		t.Errorf("read %d times more", now-before)
	}
}

func TestStatusOfADeployment(t *testing.T) {
	a := start(t)
	a.be(deployed)
	s := a.status(t)
	until(t, "it was said", func() bool { return a.log.count("the pod's status is no evidence") == 1 })
	s.Ended()
	until(t, "it was read again", func() bool { return a.reads() > 2 })
	if s.Ended() || s.Final() {
		t.Error("evidence of a container that is started again")
	}
}

// Reads happen while somebody wants to know, and never from a cache.
func TestStatusIsReadOnDemand(t *testing.T) {
	a := start(t)
	a.be(jobRuns)
	query := make(chan string, 100)
	a.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case query <- r.URL.RawQuery:
		default:
		}
		return false
	})
	s := a.status(t)
	until(t, "the first read", s.Final)
	if n := a.reads(); n != 1 {
		t.Errorf("read %d times, and nobody asked", n)
	}
	s.Ended()
	until(t, "read for the one who asked", func() bool { return a.reads() > 1 })
	if q := <-query; q != "" {
		t.Errorf("read with %q: a resourceVersion may be answered from a cache", q)
	}
}

// While the API is away there is no evidence, and asking takes no time.
func TestStatusWhileTheAPIIsAway(t *testing.T) {
	a := start(t)
	a.be(jobEnded)
	back := a.away()
	defer back()
	s := a.status(t)
	began := time.Now()
	for range 1000 {
		if s.Ended() || s.Final() {
			t.Fatal("evidence from nowhere")
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("asking took %v", took)
	}
	back()
	until(t, "evidence", s.Ended)
}

func TestStatusOfAnotherPod(t *testing.T) {
	for what, f := range map[string]func(*api){
		"another pod of the same name": func(a *api) { a.SetUID("another") },
		"no pod":                       (*api).Remove,
	} {
		a := start(t)
		a.be(jobRuns)
		s := a.status(t)
		until(t, "the first read", s.Final)
		a.be(jobEnded)
		f(a)
		s.Ended()
		<-s.done
		if s.Ended() {
			t.Error(what + ": evidence")
		}
	}
}

func TestStatusWithoutTheRight(t *testing.T) {
	a := start(t)
	a.be(jobEnded)
	a.Deny("get pods")
	s := a.status(t)
	until(t, "several tries", func() bool { return a.reads() > 5 })
	if s.Ended() || s.Final() || a.log.count(StatusRight) != 1 {
		t.Errorf("log: %s", a.log)
	}
	a.Allow("get pods")
	until(t, "evidence", s.Ended)
}

func TestProvable(t *testing.T) {
	a := start(t)
	a.be(deployed)
	if err := a.client.Provable(t.Context(), marker); err == nil || !strings.Contains(err.Error(), "restart policy is Always") {
		t.Error(err)
	}
	a.be(jobRuns)
	if err := a.client.Provable(t.Context(), marker); err != nil {
		t.Error(err)
	}
}
