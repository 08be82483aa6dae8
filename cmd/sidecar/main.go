//go:build linux

// Command mongogate lets a workload run only while a lock in MongoDB is held.
//
// Exit codes: 0 ok, 64 usage, 69 store unavailable,
// 71 the machine lacks something (disk, descriptors, a file), 75 not acquired in time,
// 77 held elsewhere or done (if asked to fail), 88 lock lost; run gives the
// child's own code, or 128+n for its signal n.
package main

import (
	"context"
	"io"
	"os"
	_ "time/tzdata" // images without a zone database

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/guard"
	"github.com/mongogate/mongogate/internal/podworkload"
	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/internal/twin"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == guard.Name {
		os.Exit(guard.Main(os.Args[2:]))
	}
	// The URI may be in our environment, whatever the command: nobody else of our user reads it from here on. A kernel that
	// refuses that is an error where a lock is held.
	_ = proctree.HideMemory()
	w := world{World: agent.World{Outside: settings.System(), Version: version()}, stdout: os.Stdout, stderr: os.Stderr}
	args := os.Args[1:]
	switch {
	case len(args) > 0 && args[0] == "sidecar":
		if err := agent.EnoughDescriptors(); err != nil {
			os.Exit(report(err, w.stderr))
		}
		os.Exit(twin.Main(args, hand))
	case len(args) > 0 && args[0] == twin.Name:
		link, err := twin.Attach()
		if err != nil {
			os.Exit(report(&agent.Exit{Code: settings.ExitUsage, Err: err}, w.stderr))
		}
		w.Twin, args = link, args[1:]
	}
	os.Exit(run(context.Background(), args, w))
}

// hand is what a sidecar's twin stops the workload with.
func hand(p twin.Plan) (twin.Hand, error) { //nolint:ireturn // as the twin asks for it
	return podworkload.NewHand(p.Sentinels, p.Kill, p.Spare)
}

// world is what a command knows of its surroundings.
type world struct {
	agent.World
	stdout io.Writer
	// stderr is what processes that are started here inherit. What this one has to say goes to Lines.
	stderr *os.File
}

// run is main without its process: arguments in, exit code out.
func run(ctx context.Context, args []string, w world) int {
	w.Lines = telemetry.NewLines(w.stderr)
	defer w.Lines.Close()
	root := newRoot(w)
	if err := first(root, args); err != nil {
		return report(err, w.stderr)
	}
	// cobra does not say that a help text could not be written.
	out := &written{to: w.stdout}
	root.SetOut(out)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err
	}
	code := report(err, w.Lines)
	if len(args) > 0 && args[0] == "sidecar" {
		agent.LeaveToTwin(w.World, args[1:], code)
	}
	return code
}

// written remembers the first error of a writer.
type written struct {
	to  io.Writer
	err error
}

func (w *written) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if w.err == nil {
		w.err = err
	}
	return n, err
}
