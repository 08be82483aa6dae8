package kube

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mongogate/mongogate/test/kubetest"
)

func (a *api) events(t *testing.T) *Events {
	t.Helper()
	e := newEvents(a.client, a.log.told(), quick)
	t.Cleanup(e.Close)
	return e
}

func TestEventsOnPodAndJob(t *testing.T) {
	a := start(t)
	e := a.events(t)
	e.Write(Event{Reason: "LockWaiting", Message: "first"})
	e.Write(Event{Reason: "LockLost", Message: strings.Repeat("ä", maxMessage), Warning: true})
	e.Write(Event{Reason: "RunSkipped", Message: "third", OfJob: true})
	e.Close()
	if got := a.Reasons("Pod"); !slices.Equal(got, []string{"LockWaiting", "LockLost", "RunSkipped"}) {
		t.Errorf("on the pod: %v", got)
	}
	if got := a.Reasons("Job"); !slices.Equal(got, []string{"RunSkipped"}) {
		t.Errorf("on the Job: %v", got)
	}
	for _, ev := range a.Events() {
		of := ev.InvolvedObject
		pod := of.Kind == "Pod" && of.APIVersion == "v1" && of.Name == podName && of.UID == podUID
		job := of.Kind == "Job" && of.APIVersion == "batch/v1" && of.Name == "nightly-1" && of.UID == "job-uid"
		if !pod && !job || of.Namespace != kubetest.Namespace {
			t.Errorf("about %+v", of)
		}
		if at, err := time.Parse(time.RFC3339, ev.LastTimestamp); err != nil || time.Since(at) > time.Hour || ev.FirstTimestamp != ev.LastTimestamp || ev.Count != 1 || ev.Source.Component != "mongogate" || ev.Source.Host != "n1" {
			t.Errorf("%+v", ev)
		}
		if want := map[bool]string{true: "Warning", false: "Normal"}[ev.Reason == "LockLost"]; ev.Type != want {
			t.Errorf("%s is %s", ev.Reason, ev.Type)
		}
		if len(ev.Message) > maxMessage || !utf8.ValidString(ev.Message) {
			t.Errorf("a message of %d bytes, valid %v", len(ev.Message), utf8.ValidString(ev.Message))
		}
	}
}

func TestNoJobIsKnown(t *testing.T) {
	a := start(t)
	a.client.pod.JobUID = ""
	e := a.events(t)
	e.Write(Event{Reason: "RunSkipped", OfJob: true})
	e.Close()
	if got := a.Events(); len(got) != 1 || got[0].InvolvedObject.Kind != "Pod" {
		t.Errorf("%+v", got)
	}
}

// However long the API is away, what waits is bounded, and the newest is kept.
func TestTheQueueIsBounded(t *testing.T) {
	a := start(t)
	back := a.away()
	defer back()
	e := a.events(t)
	var dropped atomic.Int64
	e.failures.Dropped = func() { dropped.Add(1) }
	e.Write(Event{Reason: "First"})
	until(t, "the first is on its way", func() bool { e.mu.Lock(); defer e.mu.Unlock(); return len(e.queue) == 1 })
	began := time.Now()
	const many = 10 * queued
	for n := range many {
		e.Write(Event{Reason: fmt.Sprint("N", n)})
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("queueing took %v: it waits for the API", took)
	}
	e.mu.Lock()
	if len(e.queue) != queued {
		t.Errorf("%d are queued, want %d", len(e.queue), queued)
	}
	if n := dropped.Load(); n != many+1-queued {
		t.Errorf("%d are counted as dropped, want %d", n, many+1-queued)
	}
	e.mu.Unlock()
	back()
	last := fmt.Sprint("N", many-1)
	until(t, "the newest", func() bool { return slices.Contains(a.Reasons("Pod"), last) })
	got := a.Reasons("Pod")
	if len(got) > queued+1 {
		t.Errorf("%d were written", len(got))
	}
	if got = got[len(got)-queued:]; got[0] != fmt.Sprint("N", many-queued) || got[queued-1] != last {
		t.Errorf("the newest, in their order, are not what was kept: %v", got)
	}
}

// Whatever the API did with a call that it did not answer, the Event is there once.
func TestARepeatedEventIsWrittenOnce(t *testing.T) {
	a := start(t)
	var calls atomic.Int32
	a.Fault(func(w http.ResponseWriter, r *http.Request) bool {
		switch calls.Add(1) {
		case 1: // not carried out
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case 2: // carried out, and not told
			a.Answer(discarding{w}, r)
			panic(http.ErrAbortHandler)
		}
		return false
	})
	e := a.events(t)
	e.Write(Event{Reason: "LockAcquired"})
	e.Write(Event{Reason: "LockReleased"})
	until(t, "the second", func() bool { return slices.Contains(a.Reasons("Pod"), "LockReleased") })
	if got := a.Reasons("Pod"); !slices.Equal(got, []string{"LockAcquired", "LockReleased"}) {
		t.Errorf("%v", got)
	}
	if n := a.log.count("the lock does not depend on it"); n != 1 {
		t.Errorf("%d lines of one row of failures", n)
	}
	if n := a.log.count("succeed again"); n != 1 {
		t.Errorf("%d lines of its end", n)
	}
}

// discarding is an answer that does not arrive.
type discarding struct{ http.ResponseWriter }

func (discarding) Write(b []byte) (int, error) { return len(b), nil }
func (discarding) WriteHeader(int)             {}

func TestAMissingRightIsNamedAndWaitedFor(t *testing.T) {
	a := start(t)
	a.Deny("create events")
	e := a.events(t)
	e.Write(Event{Reason: "LockAcquired"})
	until(t, "several tries", func() bool { return len(a.Calls()) > 5 })
	if a.log.count(EventsRight) != 1 || a.log.count("the lock does not depend on it") != 1 {
		t.Errorf("log: %s", a.log)
	}
	a.Allow("create events")
	until(t, "written", func() bool { return len(a.Events()) == 1 })
}

// What the API server will never take does not hold up the others.
func TestAnEventThatIsInvalidIsDropped(t *testing.T) {
	a := start(t)
	e := a.events(t)
	a.client.pod.JobName, a.client.pod.JobUID = "", ""
	good := a.client.pod
	e.mu.Lock()
	bad := event(good, reference{Kind: "Pod", Namespace: "elsewhere", Name: podName}, Event{Reason: "Bad"}, time.Now())
	e.queue = append(e.queue, bad)
	e.mu.Unlock()
	e.Write(Event{Reason: "Good"})
	until(t, "the good one", func() bool { return slices.Equal(a.Reasons("Pod"), []string{"Good"}) })
	if len(a.Calls()) != 2 {
		t.Errorf("%v: the bad one was repeated", a.Calls())
	}
}

// A gate that ends says what it has to say, and does not wait for an API that is away.
func TestTheEndIsBounded(t *testing.T) {
	for _, failing := range []bool{false, true} {
		a := start(t)
		back := func() {}
		if failing {
			a.Fault(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true })
		} else {
			back = a.away()
		}
		e := NewEvents(a.client, a.log.told())
		for range 5 {
			e.Write(Event{Reason: "LockReleased"})
		}
		began := time.Now()
		e.Close()
		if took := time.Since(began); took > flushWithin+time.Second {
			t.Errorf("failing %v: the end took %v", failing, took)
		}
		e.Write(Event{Reason: "TooLate"}) // and nobody waits
		back()
	}
}

func TestLongNames(t *testing.T) {
	long := strings.Repeat("a", 219) + "." + strings.Repeat("b", 33)
	for name, want := range map[string]string{"x": "x", long: strings.Repeat("a", 219)} {
		if got := clipName(name); got != want {
			t.Errorf("%q", got)
		}
	}
}
