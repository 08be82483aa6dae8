package mongolock

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/printable"
)

// Info is what the store says of a key, for people. Nothing in it proves that
// anybody holds the lock at the moment of reading.
type Info struct {
	Key     string    `json:"key"`
	State   string    `json:"state"` // held, free or done
	Locked  bool      `json:"locked"`
	Owner   string    `json:"owner,omitempty"`
	Holder  Holder    `json:"holder,omitzero"`
	Created time.Time `json:"created,omitzero"` // when this holder acquired it
	Expire  time.Time `json:"expire,omitzero"`  // for people and Python; no rule of ours reads it
	Touched time.Time `json:"touched,omitzero"` // the last renewal, by the server's clock
	// TTL and Grace are the holder's: who stands still for their sum is taken over.
	TTL     time.Duration `json:"ttl,omitempty"`
	Grace   time.Duration `json:"grace,omitempty"`
	Token   int64         `json:"token"`
	Revoked bool          `json:"revoked,omitempty"`
	Done    *Done         `json:"done,omitempty"`
	History []HandOver    `json:"history,omitempty"` // oldest first, at most 10
	PurgeAt time.Time     `json:"purgeAt,omitzero"`
	// Unusable says why nobody of this version may take the key, whatever State is; empty otherwise. [Locker.Info] and [Locker.List] give it.
	Unusable string `json:"unusable,omitempty"`
}

// MarshalJSON writes durations as people do: 30s.
func (i Info) MarshalJSON() ([]byte, error) {
	type plain Info
	text := func(d time.Duration) string {
		if d == 0 {
			return ""
		}
		return d.String()
	}
	return json.Marshal(struct {
		plain
		TTL   string `json:"ttl,omitempty"`
		Grace string `json:"grace,omitempty"`
	}{plain(i), text(i.TTL), text(i.Grace)})
}

// Where names the holder's place, as far as it is known, fit to be shown: what others have written is escaped and cut.
func (i Info) Where() string {
	var parts []string
	add := func(label, v string) {
		if v != "" {
			parts = append(parts, label+printable.Text(v, printable.Name))
		}
	}
	add("cluster ", i.Holder.Cluster)
	pod := printable.Text(i.Holder.Pod, printable.Name)
	if pod != "" && i.Holder.Namespace != "" {
		pod = printable.Text(i.Holder.Namespace, printable.Name/3) + "/" + printable.Text(pod, printable.Name/2)
	}
	add("pod ", pod)
	add("node ", i.Holder.Node)
	return strings.Join(parts, ", ")
}

// shownName is what somebody has called himself, fit for an error.
func shownName(name string) string { return printable.Text(name, printable.Name) }

// shownKey is the key of somebody's document, which may be longer than any of ours; %q escapes it.
func shownKey(key string) string {
	if len(key) <= maxKey {
		return key
	}
	return printable.Text(key, maxKey)
}

func (i Info) heldLine() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%q is held by %s", shownKey(i.Key), shownName(i.Owner))
	if w := i.Where(); w != "" {
		fmt.Fprintf(&b, " (%s)", w)
	}
	if !i.Created.IsZero() {
		fmt.Fprintf(&b, " since %s", i.Created.UTC().Format(time.RFC3339))
	}
	if i.Expire.IsZero() {
		b.WriteString(" without an end")
	} else {
		fmt.Fprintf(&b, " until %s", i.Expire.UTC().Format(time.RFC3339))
	}
	return b.String()
}
