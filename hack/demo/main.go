//go:build linux

// Command demo is the show: real processes compete for a real lock in a real
// database, are killed and frozen, and a witness outside says at the end what it saw.
//
//	go run ./hack/demo [-binary bin/mongogate]
//
// It exits with code 0 only if the witness's log proves every step, and leaves
// no process behind, whatever becomes of it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/mongogate/mongogate/test/trials"
)

func main() {
	binary := flag.String("binary", "", "the mongogate that is shown; empty builds one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, newPaper(os.Stdout), *binary)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		fmt.Fprintln(os.Stderr, "\ndemo: interrupted; everything it started has been ended")
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// database is where the show's locks are. It is dropped before and after.
const database = "mongogate_demo"

func run(ctx context.Context, p *paper, binary string) (err error) {
	p.title("Mongogate: one workload at a time, wherever it runs")
	p.text("Starting a database (fetched first, if there is none) ...")
	rig, err := trials.Open(ctx, binary, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rig.Close()) }()
	p.text(rig.Server.Banner())
	if err := rig.Drop(ctx); err != nil {
		return err
	}
	scene, err := rig.Scene("demo", "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, scene.End()) }()
	p.text(fmt.Sprintf("Two machines, a and b, have nothing in common but this database. A lease lives "+
		"for %v here (30s by default), so that you need not wait.", ttl))
	p.begin()
	s := &show{paper: p, Scene: scene, rig: rig, started: map[string]int{}}
	for _, act := range []func(context.Context) error{s.hold, s.refuse, s.crash, s.freeze, s.once, s.again, s.verdict} {
		begin, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not in %v", patience))
		err := act(begin)
		cancel()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, scene.Story())
		}
	}
	return nil
}
