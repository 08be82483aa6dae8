//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
)

// waitersResult is what some waiters of one key cost the server, each with a
// client of its own as a pod has it, with the defaults of a ttl of 30 s.
type waitersResult struct {
	banner   string
	waiters  int
	stream   bool
	commands float64 // per second and waiter; the driver's own monitoring is not in it
	server   float64 // processor time of the server in ms per second, the driver's monitoring included; zero if it is not ours
}

func (b *bench) waiters(ctx context.Context) error {
	for _, kind := range []struct {
		server *devdb.Server
		stream bool
	}{{b.first, false}, {b.streams, false}, {b.streams, true}} {
		if kind.server == b.first && !kind.stream && b.first == b.streams && b.measured(kind.server) {
			continue
		}
		for _, n := range []int{1, 10, 100} {
			r, err := b.wait(ctx, kind.server, n, kind.stream)
			if err != nil {
				return fmt.Errorf("%d waiters: %w", n, err)
			}
			b.result.waiters = append(b.result.waiters, r)
		}
	}
	return nil
}

// measured is true when polling has been measured on a server.
func (b *bench) measured(s *devdb.Server) bool {
	for _, r := range b.result.waiters {
		if r.banner == s.Banner() && !r.stream {
			return true
		}
	}
	return false
}

func (b *bench) wait(ctx context.Context, s *devdb.Server, n int, stream bool) (_ *waitersResult, err error) {
	var (
		c       counter
		clients []*mongo.Client
		lockers []*mongolock.Locker
		waiting sync.WaitGroup
	)
	alive, leave := context.WithCancel(ctx)
	end := context.WithoutCancel(ctx)
	defer func() {
		leave()
		waiting.Wait()
		for i := range clients {
			if i < len(lockers) {
				err = errors.Join(err, lockers[i].Close(end))
			}
			err = errors.Join(err, clients[i].Disconnect(end))
		}
	}()
	add := func(o mongolock.Options, monitor *event.CommandMonitor) (*mongolock.Locker, error) {
		client, err := connect(s.URI, monitor)
		if err != nil {
			return nil, err
		}
		clients = append(clients, client)
		l, err := mongolock.New(locks(client, "waiters"), o)
		if err != nil {
			return nil, err
		}
		lockers = append(lockers, l)
		return l, nil
	}
	holder, err := add(mongolock.Options{Owner: "holder", Holder: as}, nil)
	if err != nil {
		return nil, err
	}
	lease, err := holder.Try(ctx, "waited-for")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, lease.Release(end)) }()
	began := make(chan struct{}, 100*n)
	poll := holder.Timing().TTL / 6
	for i := range n {
		l, err := add(mongolock.Options{Owner: fmt.Sprintf("waiter-%d", i), Holder: as, ChangeStream: stream, Observe: tell(began)}, c.monitor())
		if err != nil {
			return nil, err
		}
		waiting.Go(func() {
			// Waiters do not come at once in life, either.
			select {
			case <-alive.Done():
			case <-time.After(poll * time.Duration(i) / time.Duration(n)):
				_, _ = l.Acquire(alive, "waited-for") // ends with alive
			}
		})
	}
	for range n {
		if err := receive(ctx, began); err != nil {
			return nil, err
		}
	}
	if err := pause(ctx, time.Second); err != nil { // the streams are being opened
		return nil, err
	}
	r := &waitersResult{banner: s.Banner(), waiters: n, stream: stream}
	before, busy, start := c.sent.Load(), serverTime(s), time.Now()
	if err := pause(ctx, b.size.window); err != nil {
		return nil, err
	}
	took := time.Since(start).Seconds()
	r.commands = float64(c.sent.Load()-before) / took / float64(n)
	r.server = ms(serverTime(s)-busy) / took
	return r, nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
