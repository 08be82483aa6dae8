//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/test/faultproxy"
	"github.com/mongogate/mongogate/test/witness"
)

// patience ends a trial in which something never happens.
const patience = 60 * time.Second

// errDisturbed is a trial that says nothing about its fault, see the package comment.
var errDisturbed = errors.New("disturbed: a lease was lost without a fault of ours")

// Trial is one history of a few gates around one key.
type Trial struct {
	*Scene
	n     int // which of its kind
	proxy *faultproxy.Proxy

	answering sync.Mutex
	answers   []answer
}

// answer is a findAndModify of the holder whose reply the proxy has delivered.
type answer struct{ arrived, delivered time.Duration }

// begin makes a trial with a proxy for its holder. End it.
func (r *Rig) begin(name string, n int) (*Trial, error) {
	key := fmt.Sprintf("%s-%s-%03d", strings.ReplaceAll(name, " ", "-"), r.run, n)
	scene, err := r.Scene(key, key)
	if err != nil {
		return nil, err
	}
	t := &Trial{Scene: scene, n: n}
	if t.proxy, err = faultproxy.Listen(r.address); err != nil {
		return nil, errors.Join(err, t.End())
	}
	t.proxy.OnAnswer(func(command string, arrived time.Time) {
		if command != "findAndModify" {
			return
		}
		now := r.clock.Now()
		t.answering.Lock()
		defer t.answering.Unlock()
		t.answers = append(t.answers, answer{now - time.Since(arrived), now})
	})
	return t, nil
}

// end clears up; the trial has failed if something was left to clear up.
func (t *Trial) end() error { return errors.Join(t.End(), t.proxy.Close()) }

// start starts a gate behind the proxy or, the others, past it.
func (t *Trial) start(id string, behindProxy bool, work witness.Work, flags ...string) (*Gate, error) {
	o, err := t.order(id, behindProxy, work, slices.Concat(timingFlags(), flags)...)
	if err != nil {
		return nil, err
	}
	return t.Start(o)
}

// order is how it is started, with the timing that the flags say.
func (t *Trial) order(id string, behindProxy bool, work witness.Work, flags ...string) (o Order, err error) {
	o = Order{ID: t.key + "." + id, Owner: id, Key: t.key, Work: work, Flags: flags}
	if slices.Contains(flags, "--bucket") {
		o.Key += "@{{.Bucket}}"
	}
	if behindProxy {
		o.URI, err = t.proxy.URI(t.rig.Server.URI)
	}
	return o, err
}

// holder starts a gate behind the proxy and waits until its workload runs.
func (t *Trial) holder(ctx context.Context, w witness.Work, flags ...string) (*Gate, error) {
	a, err := t.start("a", true, w, flags...)
	if err != nil {
		return nil, err
	}
	_, err = t.Holds(ctx, a)
	return a, err
}

// runsOn: a challenger that runs renews once more, and is stopped; then nothing is left.
func (t *Trial) runsOn(ctx context.Context, b *Gate) error {
	if _, err := t.BeatsOn(ctx, b); err != nil {
		return err
	}
	if _, err := b.FindGuard(); err != nil {
		return err
	}
	if err := t.Stop(ctx, b); err != nil {
		return err
	}
	return t.cleared(ctx)
}

// over ends a trial: a challenger that runs goes on, is stopped, nothing is left, and the witness finds no fault.
func (t *Trial) over(ctx context.Context, b *Gate) error {
	if err := t.runsOn(ctx, b); err != nil {
		return err
	}
	_, err := t.judge()
	return err
}

// aftermath clears a disturbed trial away and judges it all the same: no
// disturbance excuses two holders.
func (t *Trial) aftermath(ctx context.Context) error {
	t.clear()
	if _, err := t.settled(ctx); err != nil {
		return err
	}
	_, err := t.judge()
	return err
}
