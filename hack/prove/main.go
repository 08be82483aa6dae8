//go:build linux

// Command prove runs the whole proof (see test/trials) and writes its page:
//
//	go run ./hack/prove [-loss 200] [-handover 100] [-fresh 20] [-skip 20] [-attack 220] [-unread 140] [-elections 54] [-parallel 8] [-binary bin/mongogate] [-out docs/internals/proof.md]
//
// It exits with code 0 only if every trial has passed.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/test/trials"
)

func main() {
	plan := trials.Whole
	flag.IntVar(&plan.Losses, "loss", plan.Losses, "trials of lost leases, all kinds in turn")
	flag.IntVar(&plan.HandOvers, "handover", plan.HandOvers, "trials of hand-overs to one who waited")
	flag.IntVar(&plan.Fresh, "fresh", plan.Fresh, "trials of hand-overs to one who came later")
	flag.IntVar(&plan.Skips, "skip", plan.Skips, "trials of scheduled runs whose winner crashed")
	flag.IntVar(&plan.Attacks, "attack", plan.Attacks, "trials of commands that stop or kill gate and guard, all kinds in turn (needs root)")
	flag.IntVar(&plan.Unread, "unread", plan.Unread, "trials in which nobody outside takes what a gate has for them, all kinds in turn")
	flag.IntVar(&plan.Elections, "elections", plan.Elections, "elections of a replica set, all kinds in turn, with the server's times and the default ttl")
	flag.IntVar(&plan.Parallel, "parallel", plan.Parallel, "trials at once")
	binary := flag.String("binary", "", "the mongogate that is tried; empty builds one")
	page := flag.String("out", "", "write the page with the table to this file")
	flag.Parse()
	if flag.NArg() > 0 || plan.Parallel < 1 {
		flag.Usage()
		os.Exit(64)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, plan, *binary, *page)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, plan trials.Plan, binary, page string) (err error) {
	rig, err := trials.Open(ctx, binary, "mongogate_prove")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rig.Close()) }()
	fmt.Println(rig.Server.Banner())
	began := time.Now()
	results := rig.Run(ctx, plan, os.Stdout)
	fmt.Print("\n", trials.Table(trials.Counts(results)), "\n", trials.Summary(results), "\n")
	elections, electionsErr := rig.Elections(ctx, plan.Elections)
	if electionsErr == nil {
		fmt.Print("\n", elections, "\n")
	}
	fmt.Println("in", time.Since(began).Round(time.Second))
	if electionsErr != nil {
		return electionsErr
	}
	if !trials.Passed(results) {
		return errors.New("not every trial has passed")
	}
	if page == "" {
		return nil
	}
	var text bytes.Buffer
	if err := rig.Document(&text, results, elections, time.Now()); err != nil {
		return err
	}
	return os.WriteFile(page, text.Bytes(), 0o644)
}
