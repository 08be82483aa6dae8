//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// binaryResult is what the program itself costs.
type binaryResult struct {
	size        float64   // MB (10⁶ bytes), stripped
	start, back []float64 // ms from exec to the command's first instruction, and to our exit; uncontended
	gate, guard processResult
	idle        time.Duration // the window of its processor time
}

// processResult is one process that holds a lock of a ttl of 30 s and does nothing else.
type processResult struct {
	rss     float64 // MB
	private float64 // MB of it that is no file of the binary, which the two share
	threads float64
	cpu     float64 // % of one core
}

// binary measures the program as it is shipped.
func (b *bench) binary(ctx context.Context) error {
	program, err := b.built(ctx)
	if err != nil {
		b.skip("the binary", err)
		return nil
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	r := &binaryResult{size: float64(info.Size()) / 1e6, idle: b.size.idle}
	for range b.size.starts {
		if err := b.startUp(ctx, program, r); err != nil {
			return err
		}
	}
	if err := b.idle(ctx, program, r); err != nil {
		return err
	}
	b.result.binary = r
	return nil
}

// built is the program's path: what was handed in, or one built as make build does.
func (b *bench) built(ctx context.Context) (string, error) {
	if b.program != "" {
		return filepath.Abs(b.program)
	}
	program := filepath.Join(b.dir, "mongogate")
	build := exec.CommandContext(ctx, "go", "build", "-C", "..", "-trimpath", "-ldflags", "-s -w", "-o", program, "./cmd/sidecar")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, bytes.TrimSpace(out))
	}
	return program, nil
}

func (b *bench) gated(ctx context.Context, program string, command ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(ctx, program, slices.Concat([]string{"run", "--key", "bench", "--database", database, "--state-dir", filepath.Join(b.dir, "state"), "--"}, command)...)
	cmd.Env = append(os.Environ(), "MONGOGATE_URI="+b.first.URI)
	// Told to end, it ends its command first.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	return cmd, &said
}

// startUp times one run of a command that prints the time at which it began.
func (b *bench) startUp(ctx context.Context, program string, r *binaryResult) error {
	cmd, said := b.gated(ctx, program, "date", "+%s%N")
	start := time.Now()
	out, err := cmd.Output()
	took := time.Since(start)
	if err != nil {
		return fmt.Errorf("run -- date: %w: %s", err, said)
	}
	ns, err := strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64)
	if err != nil {
		return fmt.Errorf("run -- date: %w", err)
	}
	r.start = append(r.start, ms(time.Unix(0, ns).Sub(start)))
	r.back = append(r.back, ms(took))
	return nil
}

// idle looks at a gate and its guard while their command sleeps.
func (b *bench) idle(ctx context.Context, program string, r *binaryResult) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	cmd, said := b.gated(ctx, program, "sleep", "600")
	if err := cmd.Start(); err != nil {
		cancel()
		return err
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was told to end
	}()
	var guard int
	if err := until(ctx, func() bool {
		for _, g := range children(cmd.Process.Pid) {
			if len(children(g)) > 0 {
				guard = g
			}
		}
		return guard != 0
	}); err != nil {
		return fmt.Errorf("run -- sleep does not start its command: %w: %s", err, said)
	}
	// The first renewal is over, and the start's garbage has been collected or never will be.
	if err := pause(ctx, min(b.size.idle/2, 12*time.Second)); err != nil {
		return err
	}
	type watched struct {
		pid    int
		to     *processResult
		before time.Duration
	}
	both := []*watched{{pid: cmd.Process.Pid, to: &r.gate}, {pid: guard, to: &r.guard}}
	for _, w := range both {
		if w.before, err = cpuTime(w.pid); err != nil {
			return err
		}
	}
	start := time.Now()
	if err := pause(ctx, b.size.idle); err != nil {
		return err
	}
	for _, w := range both {
		after, err := cpuTime(w.pid)
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		w.to.cpu = 100 * (after - w.before).Seconds() / time.Since(start).Seconds()
		rss, e1 := status(w.pid, "VmRSS")
		anonymous, e2 := status(w.pid, "RssAnon")
		threads, e3 := status(w.pid, "Threads")
		if err := errors.Join(e1, e2, e3); err != nil {
			return err
		}
		w.to.rss, w.to.private, w.to.threads = rss*1024/1e6, anonymous*1024/1e6, threads
	}
	return nil
}
