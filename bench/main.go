//go:build linux

// Command bench measures what the lock costs, side by side in one run on one
// server, and writes the result as a table into a Markdown file.
//
// Ratios are the result, not milliseconds: each is that of two things measured
// right after one another, many times, and is given with its spread. What is
// compared: every call of pkg/mongolock with a bare findAndModify of the same
// fields, and with the calls of two other libraries; hand-over after a release
// and after a crash; what waiters cost the server; the size, memory and idle
// time of the binary.
//
// Not promised: that another machine gives the same figures. Nothing here fails
// because a goal is missed; a miss is written down beside its goal. What could
// not be measured is named in the last line and never counts as met.
//
// Usage, in this directory: go run . [-o FILE] [-binary FILE] [-quick] [-only PART]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
)

// limit ends a run that hangs; one that does not takes about half of it.
const limit = 10 * time.Minute

func main() {
	if len(os.Args) > 1 && os.Args[1] == holderCommand {
		os.Exit(holdUntilKilled(os.Args[2:], os.Stdout, os.Stderr))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, progress io.Writer) (err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	out := flags.String("o", "../docs/internals/benchmarks.md", "Markdown `file` whose marked part is replaced; - prints the result")
	binary := flags.String("binary", "", "measure this `program`; without it one is built")
	quick := flags.Bool("quick", false, "a tenth of the measurements, to try the program")
	only := flags.String("only", "", "run only the `part` calls, handover, crash, waiters or binary")
	if err := flags.Parse(args); err != nil {
		return err
	}
	b := &bench{size: full, only: *only, program: *binary, progress: progress, result: &result{start: time.Now(), load: load()}}
	if *quick {
		b.size = tenth
	}
	if b.dir, err = os.MkdirTemp("", "mongogate-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.servers(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.all(ctx); err != nil {
		return err
	}
	text := b.result.markdown()
	if *out == "-" {
		_, err = io.WriteString(stdout, text)
	} else {
		err = replaceMarked(*out, text)
	}
	if err != nil {
		return err
	}
	if skipped := b.result.skipped; len(skipped) > 0 {
		fmt.Fprintf(stdout, "bench: done in %v; not measured: %s\n", time.Since(b.result.start).Round(time.Second), strings.Join(skipped, "; "))
	} else {
		fmt.Fprintf(stdout, "bench: done in %v\n", time.Since(b.result.start).Round(time.Second))
	}
	return nil
}

// size is how much is measured.
type size struct {
	blocks, cycles int           // of the calls
	handovers      int           // of each kind
	crashes        int           // holders killed, in batches
	window         time.Duration // of counting the waiters' commands
	idle           time.Duration // of the binary's processor time
	starts         int           // of the binary
}

var (
	full  = size{blocks: 60, cycles: 20, handovers: 60, crashes: 40, window: 12 * time.Second, idle: 30 * time.Second, starts: 40}
	tenth = size{blocks: 6, cycles: 20, handovers: 8, crashes: 5, window: 5 * time.Second, idle: 5 * time.Second, starts: 5}
)

// bench is one run.
type bench struct {
	size     size
	only     string
	program  string // the binary, or empty: it is built
	dir      string // for what is built
	progress io.Writer
	// first is the server of choice; streams has change streams, and may be the same.
	first, streams *devdb.Server
	result         *result
}

// servers starts what is measured against.
func (b *bench) servers(ctx context.Context) (err error) {
	if b.first, err = devdb.Start(ctx, 0); err != nil {
		return err
	}
	b.streams = b.first
	if len(b.first.Missing(devdb.ChangeStreams)) > 0 {
		if b.streams, err = devdb.StartKind(ctx, devdb.Secantus, devdb.Options{}); err != nil {
			return errors.Join(err, b.close())
		}
	}
	for _, s := range b.both() {
		if err := b.clear(ctx, s); err != nil {
			return errors.Join(err, b.close())
		}
		b.result.banners = append(b.result.banners, s.Banner())
		fmt.Fprintln(b.progress, s.Banner())
	}
	return nil
}

// both are the servers, each once.
func (b *bench) both() []*devdb.Server {
	if b.first == b.streams {
		return []*devdb.Server{b.first}
	}
	return []*devdb.Server{b.first, b.streams}
}

// clear removes what a run leaves on a server of the user's own, which outlives it. Nothing else is touched there.
func (b *bench) clear(ctx context.Context, s *devdb.Server) error {
	if s.Kind != devdb.External {
		return nil
	}
	client, err := connect(s.URI, nil)
	if err != nil {
		return err
	}
	return errors.Join(client.Database(database).Drop(ctx), client.Disconnect(ctx))
}

func (b *bench) close() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, s := range b.both() {
		if s != nil {
			errs = append(errs, b.clear(ctx, s), s.Close())
		}
	}
	return errors.Join(errs...)
}

// all measures one part after the other: they would disturb each other.
func (b *bench) all(ctx context.Context) error {
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"calls", b.calls},
		{"handover", b.handovers},
		{"crash", b.crashes},
		{"waiters", b.waiters},
		{"binary", b.binary},
	} {
		if b.only != "" && b.only != part.name {
			continue
		}
		start := time.Now()
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
		fmt.Fprintf(b.progress, "%s: measured in %v\n", part.name, time.Since(start).Round(time.Second))
	}
	return nil
}

// skip notes by name what could not be measured.
func (b *bench) skip(what string, why error) {
	note := fmt.Sprintf("%s (%v)", what, why)
	b.result.skipped = append(b.result.skipped, note)
	fmt.Fprintln(b.progress, "not measured:", note)
}
