//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// crashTiming is that of the leases whose holders are killed: short, because each is waited for.
var crashTiming = mongolock.Timing{TTL: 2 * time.Second, AllowShort: true}.WithDefaults()

// crashResult is hand-over after a crash.
type crashResult struct {
	banner string
	timing mongolock.Timing
	poll   time.Duration
	total  []float64 // ms from the kill to the waiter's lease
}

// bound is what a hand-over may take: ttl + grace + one poll + one operation.
func (r *crashResult) bound() time.Duration {
	return r.timing.Silence() + r.poll + r.timing.Operation
}

// holderCommand is what this program is called with to be a holder.
const holderCommand = "holder"

// holdUntilKilled acquires a key, says so, and renews it forever.
func holdUntilKilled(keys []string, stdout, stderr io.Writer) int {
	fail := func(err error) int {
		fmt.Fprintln(stderr, "bench holder:", err)
		return 1
	}
	locker, err := mongolock.Connect(os.Getenv("BENCH_URI"), mongolock.Options{Database: database, Collection: "crash", Owner: "holder", Holder: as, Timing: crashTiming})
	if err != nil {
		return fail(err)
	}
	lease, err := locker.Acquire(context.Background(), keys[0])
	if err != nil {
		return fail(err)
	}
	fmt.Fprintln(stdout, "held")
	<-lease.Done()
	return fail(lease.Err())
}

// crashes kills holders, some at once, while others wait for their keys.
func (b *bench) crashes(ctx context.Context) (err error) {
	const batch = 10
	client, err := connect(b.first.URI, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	waiter, err := mongolock.New(locks(client, "crash"), mongolock.Options{Owner: "waiter", Holder: as, Timing: crashTiming})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, waiter.Close(context.WithoutCancel(ctx))) }()
	r := &crashResult{banner: b.first.Banner(), timing: crashTiming, poll: crashTiming.TTL / 6}
	for len(r.total) < b.size.crashes {
		var (
			all  sync.WaitGroup
			mu   sync.Mutex
			errs []error
		)
		for i := range min(batch, b.size.crashes-len(r.total)) {
			all.Go(func() {
				took, err := crash(ctx, b.first.URI, waiter, fmt.Sprintf("crash-%d", i))
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, err)
				r.total = append(r.total, took)
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	b.result.crash = r
	return nil
}

func crash(ctx context.Context, uri string, waiter *mongolock.Locker, key string) (_ float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	holder := exec.CommandContext(ctx, self, holderCommand, key)
	holder.Env = append(os.Environ(), "BENCH_URI="+uri)
	holder.Stderr = os.Stderr
	out, err := holder.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := holder.Start(); err != nil {
		return 0, err
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return 0, errors.Join(fmt.Errorf("the holder of %s: %w", key, err), holder.Wait())
	}
	got := waitFor(ctx, waiter, key)
	// Any moment between two renewals, after the waiter has seen some.
	time.Sleep(crashTiming.TTL/2 + rand.N(2*crashTiming.Heartbeat))
	killed := time.Now()
	if err := holder.Process.Kill(); err != nil {
		return 0, err
	}
	w := <-got
	_ = holder.Wait() // it was killed, and says so
	if w.err != nil {
		return 0, w.err
	}
	if w.at.Before(killed) {
		return 0, fmt.Errorf("%s was taken from a living holder", key)
	}
	return ms(w.at.Sub(killed)), w.lease.Release(ctx)
}
