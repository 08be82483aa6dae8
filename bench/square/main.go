// Command square times github.com/square/mongo-lock for the benchmark, which
// starts it. It is a module of its own because that library wants the first
// major version of MongoDB's driver.
//
// It reads lines from its standard input and answers each with one line:
//
//	run N    runs N cycles of acquire, refused acquire, renew, release:
//	         {"acquire":[ms…],"refused":[ms…],"renew":[ms…],"release":[ms…]}
//	count    the commands that one cycle sends to the server: {"acquire":[1],…}
//
// The connection string is in BENCH_URI. It ends with its standard input.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	lock "github.com/square/mongo-lock"
	"go.mongodb.org/mongo-driver/event"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"
	"go.mongodb.org/mongo-driver/mongo/writeconcern"
)

// ttl is in seconds, as the library has it.
const ttl = 30

func main() {
	if err := serve(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "square/mongo-lock:", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context) error {
	var sent atomic.Int64
	monitor := &event.CommandMonitor{Started: func(context.Context, *event.CommandStartedEvent) { sent.Add(1) }}
	timed, err := connect(ctx, nil)
	if err != nil {
		return err
	}
	counted, err := connect(ctx, monitor)
	if err != nil {
		return err
	}
	if err := timed.CreateIndexes(ctx); err != nil {
		return fmt.Errorf("make the library's indexes: %w", err)
	}
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var n int
		answer := map[string][]float64{}
		if _, err := fmt.Sscanf(in.Text(), "run %d", &n); err == nil {
			for range n {
				if err := cycle(ctx, timed, func(op string, call func() error) error {
					start := time.Now()
					err := call()
					answer[op] = append(answer[op], float64(time.Since(start).Nanoseconds())/1e6)
					return err
				}); err != nil {
					return err
				}
			}
		} else if err := cycle(ctx, counted, func(op string, call func() error) error {
			before := sent.Load()
			err := call()
			answer[op] = []float64{float64(sent.Load() - before)}
			return err
		}); err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
			return err
		}
	}
	return in.Err()
}

func connect(ctx context.Context, monitor *event.CommandMonitor) (*lock.Client, error) {
	// The library's README asks for majority; the journal is what the others wait for, too.
	concern := writeconcern.Majority()
	journal := true
	concern.Journal = &journal
	o := options.Client().ApplyURI(os.Getenv("BENCH_URI")).SetRetryWrites(false).SetWriteConcern(concern).SetMonitor(monitor)
	client, err := mongo.Connect(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return lock.NewClient(client.Database("mongogate_bench").Collection("square")), nil
}

// cycle is one life of a lock, each call of it through measure.
func cycle(ctx context.Context, c *lock.Client, measure func(op string, call func() error) error) error {
	details := lock.LockDetails{Owner: "owner", Host: "host", TTL: ttl}
	steps := []struct {
		op   string
		call func() error
	}{
		{"acquire", func() error { return c.XLock(ctx, "key", "one", details) }},
		{"refused", func() error {
			if err := c.XLock(ctx, "key", "two", details); !errors.Is(err, lock.ErrAlreadyLocked) {
				return fmt.Errorf("a second holder got in (%w)", err)
			}
			return nil
		}},
		{"renew", func() error { _, err := c.Renew(ctx, "one", ttl); return err }},
		{"release", func() error { _, err := c.Unlock(ctx, "one"); return err }},
	}
	for _, s := range steps {
		if err := measure(s.op, s.call); err != nil {
			return fmt.Errorf("%s: %w", s.op, err)
		}
	}
	return nil
}
