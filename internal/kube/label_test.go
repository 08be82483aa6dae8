package kube

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const holder = "mongogate.dev/holder"

func (a *api) label(t *testing.T) *Label {
	t.Helper()
	l := newLabel(a.client, holder, a.log.told(), quick, applyWithin)
	t.Cleanup(l.Close)
	return l
}

func (a *api) labelIs(t *testing.T, want string) {
	t.Helper()
	until(t, "the label is "+want, func() bool { return a.Label(holder) == want })
}

func TestLabel(t *testing.T) {
	a := start(t)
	a.SetLabel(holder, "true") // of a gate that was killed
	a.SetLabel("app", "orders")
	l := a.label(t)
	a.labelIs(t, "")
	l.Set(true)
	a.labelIs(t, "true")
	l.Set(false)
	a.labelIs(t, "")
	l.Set(true)
	l.Settled(t.Context())
	if a.Label(holder) != "true" {
		t.Error("settled, and the label is not there")
	}
	before := len(a.Calls())
	l.Set(true)
	l.Set(true)
	l.Close()
	if a.Label(holder) != "" {
		t.Error("the gate has ended, and its pod is still labelled")
	}
	if calls := a.Calls()[before:]; !slices.Equal(calls, []string{"PATCH pods"}) {
		t.Errorf("calls for nothing: %v", calls)
	}
	if a.Label("app") != "orders" {
		t.Error("another label is gone")
	}
}

// A patch that failed is repeated until it is no longer wanted.
func TestLabelIsRepeated(t *testing.T) {
	a := start(t)
	l := a.label(t)
	l.Settled(t.Context())
	a.Deny("patch pods")
	l.Set(true)
	before := len(a.Calls())
	until(t, "several tries", func() bool { return len(a.Calls()) > before+5 })
	if a.log.count(LabelRight) != 1 {
		t.Errorf("log: %s", a.log)
	}
	a.Allow("patch pods")
	a.labelIs(t, "true")

	a.Deny("patch pods")
	l.Set(false)
	before = len(a.Calls())
	until(t, "several tries", func() bool { return len(a.Calls()) > before+5 })
	l.Set(true) // held again: what the API has is right, as far as is known
	a.Allow("patch pods")
	l.Settled(t.Context())
	if a.Label(holder) != "true" {
		t.Error("an old wish was carried out")
	}
}

// The pod that has our name now is not ours: it is left alone, for good.
func TestAnotherPodsLabel(t *testing.T) {
	a := start(t)
	l := a.label(t)
	l.Settled(t.Context())
	a.SetUID("another")
	l.Set(true)
	<-l.done
	if a.Label(holder) != "" {
		t.Error("another pod was labelled")
	}
	l.Settled(t.Context())
}

// A call that was given up may be carried out later, after one that took the label off: it is taken off again.
func TestALateLabelIsTakenOff(t *testing.T) {
	a := start(t)
	l := newLabel(a.client, holder, a.log.told(), quick, 2*time.Second)
	defer l.Close()
	l.Settled(t.Context())
	var once atomic.Bool
	a.Fault(func(_ http.ResponseWriter, r *http.Request) bool {
		if once.CompareAndSwap(false, true) {
			<-r.Context().Done()
			return true
		}
		return false
	})
	l.Set(true)
	until(t, "the call is on its way", once.Load)
	l.Set(false)
	began := time.Now()
	l.Settled(t.Context())
	if time.Since(began) < callTimeout/2 {
		t.Error("settled while a call that sets the label was on its way")
	}
	a.SetLabel(holder, "true") // late
	a.labelIs(t, "")
}

// A gate that was killed may have had a call on its way, which nobody is left to remember.
func TestALateLabelOfTheGateBefore(t *testing.T) {
	a := start(t)
	l := newLabel(a.client, holder, a.log.told(), quick, 2*time.Second)
	defer l.Close()
	l.Settled(t.Context())
	a.SetLabel(holder, "true") // late
	a.labelIs(t, "")
}

func TestSettledIsBounded(t *testing.T) {
	a := start(t)
	l := a.label(t)
	l.Settled(t.Context())
	back := a.away()
	l.Set(true)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	l.Settled(ctx)
	if took := time.Since(began); took > time.Second {
		t.Errorf("waited %v", took)
	}
	began = time.Now()
	l.Close()
	if took := time.Since(began); took > flushWithin+time.Second {
		t.Errorf("the end took %v", took)
	}
	back()
}

// A server of something else that answers 404 does not end it; the pod's end does.
func TestNotFound(t *testing.T) {
	a := start(t)
	l := a.label(t)
	l.Settled(t.Context())
	var calls atomic.Int32
	a.Fault(func(w http.ResponseWriter, _ *http.Request) bool {
		if calls.Add(1) < 5 {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		return false
	})
	l.Set(true)
	until(t, "several tries", func() bool { return calls.Load() >= 5 })
	a.Fault(nil)
	a.labelIs(t, "true")
	a.Remove()
	l.Set(false)
	<-l.done
	if !strings.Contains(a.log.String(), "giving up on") {
		t.Errorf("log: %s", a.log)
	}
}
