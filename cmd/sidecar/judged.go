//go:build linux

package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/printable"
)

// What a lock is called that is not what its document says: a held one whose holder no longer renews it.
const (
	stateSilent  = "silent"  // the lease is over, and nobody may take the key yet
	stateExpired = "expired" // a waiting gate may take it over
	// Of a document that nobody may take, whatever it says.
	stateUnusable = "unusable"
)

// lockView is a lock as people see it: a holder that stopped renewing is not called one that holds.
// Everything is judged by the server's clock. It is for people; no gate decides by it.
type lockView struct {
	mongolock.Info
	// State is held, silent, expired, free, done or unusable.
	State string
	// Left is the time until the lease is over unless it is renewed; empty where there is none.
	Left string
	// SilentFor is the time since the last renewal, of a lease that is over.
	SilentFor string
}

// MarshalJSON is that of the Info with what was judged.
func (v lockView) MarshalJSON() ([]byte, error) {
	i := v.Info
	i.State = v.State
	b, err := json.Marshal(i)
	if err != nil {
		return nil, err
	}
	more, err := json.Marshal(struct {
		Left      string `json:"left,omitempty"`
		SilentFor string `json:"silentFor,omitempty"`
	}{v.Left, v.SilentFor})
	if err != nil || len(more) == len("{}") {
		return b, err
	}
	return append(append(b[:len(b)-1], ','), more[1:]...), nil
}

// judge says what a lock is at now, by the clock of the server that wrote its times.
func judge(i mongolock.Info, now time.Time) lockView {
	v := lockView{Info: i, State: i.State}
	switch {
	case i.Unusable != "":
		v.State = stateUnusable
		return v
	case i.State != "held":
		return v
	}
	over := i.Expire // of a Python worker, which renews by moving it
	if !i.Touched.IsZero() && i.TTL > 0 {
		over = i.Touched.Add(i.TTL)
	}
	if over.IsZero() {
		return v // held without an end
	}
	if left := over.Sub(now); left > 0 {
		v.Left = left.Round(time.Second).String()
		return v
	}
	v.State = stateSilent
	if !now.Before(over.Add(i.Grace)) {
		v.State = stateExpired
	}
	since := i.Touched
	if since.IsZero() {
		since = over
	}
	v.SilentFor = max(0, now.Sub(since)).Round(time.Second).String()
	return v
}

// meaning explains a state that is not plain.
func (v lockView) meaning() string {
	switch v.State {
	case stateUnusable:
		return ": " + printable.Text(v.Unusable, printable.Message) + "; nobody may take it until the document has been mended or deleted"
	case stateSilent:
		return ": the holder no longer renews; others wait out its grace"
	case stateExpired:
		return ": the holder no longer renews; who waits takes it over"
	}
	return ""
}

// judged judges locks that have just been read. Only where one is held the server is asked for its time.
func judged(ctx context.Context, l *mongolock.Locker, list []mongolock.Info) ([]lockView, error) {
	views := make([]lockView, 0, len(list))
	var now time.Time
	for _, i := range list {
		if i.State == "held" && now.IsZero() {
			var err error
			if now, err = l.ServerTime(ctx); err != nil {
				return nil, err
			}
		}
		views = append(views, judge(i, now))
	}
	return views, nil
}

// look reads one lock.
func look(ctx context.Context, l *mongolock.Locker, key string) (lockView, error) {
	i, err := l.Info(ctx, key)
	if err != nil {
		return lockView{}, err
	}
	views, err := judged(ctx, l, []mongolock.Info{i})
	if err != nil {
		return lockView{}, err
	}
	return views[0], nil
}
