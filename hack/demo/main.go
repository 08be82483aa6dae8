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
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/trials"
	"github.com/mongogate/mongogate/test/witness"
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
	dir, err := os.MkdirTemp("", "mongogate-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	p.text("Starting a database (fetched first, if there is none) ...")
	server, err := devdb.Start(ctx, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	p.text(server.Banner())
	binaries, err := trials.Build(ctx, dir, binary)
	if err != nil {
		return err
	}
	drop, err := emptied(ctx, server.URI)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, drop()) }()

	s, err := newShow(p, binaries, server.URI, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for _, act := range []func(context.Context) error{s.hold, s.refuse, s.crash, s.freeze, s.once, s.again} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return s.verdict()
}

// emptied drops the show's database, now and again at the end.
func emptied(ctx context.Context, uri string) (func() error, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetTimeout(10 * time.Second))
	if err != nil {
		return nil, fmt.Errorf("connecting: %w", err)
	}
	if err := client.Database(database).Drop(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("emptying database %s: %w", database, err), client.Disconnect(ctx))
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return errors.Join(client.Database(database).Drop(ctx), client.Disconnect(ctx))
	}, nil
}

func newShow(p *paper, b trials.Binaries, uri, dir string) (*show, error) {
	s := &show{paper: p, binaries: b, uri: uri, dir: dir, path: dir + "/witness.log", observer: witness.NewObserver()}
	var err error
	if s.log, err = witness.Open(s.path); err != nil {
		s.observer.Close()
		return nil, err
	}
	s.reader = witness.NewReader(s.path)
	p.text(fmt.Sprintf("Two machines, a and b, have nothing in common but this database. A lease lives "+
		"for %v here (30s by default), so that you need not wait.", ttl))
	p.begin()
	return s, nil
}
