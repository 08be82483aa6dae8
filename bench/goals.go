//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// goals writes each goal beside what was measured. A miss has its cause beside it.
func (r *result) goals(p *page) {
	p.line("| goal | measured | |")
	p.line("|---|---|---|")
	verdict := func(goal, measured string, met bool, cause string) {
		word := "met"
		if !met {
			word = "**missed**: " + cause
		}
		p.row(goal, measured, word)
	}
	for _, c := range r.calls {
		c.goals(verdict)
	}
	if s := r.stream; s != nil && len(s.total) > 0 {
		x := median(s.total) / median(s.bare)
		verdict("hand-over after a clean release, with a change stream: p50 ≤ 5 × bare findAndModify",
			fmt.Sprintf("%.1f × (%s ms; commit %s, event %s, acquire %s; bare %s)", x, decimal(median(s.total)), decimal(median(s.commit)), decimal(median(s.event)), decimal(median(s.acquire)), decimal(median(s.bare))),
			x <= 5, "see its parts: "+largest(map[string]float64{"commit": median(s.commit), "event": median(s.event), "acquire": median(s.acquire)})+" is most of it")
	}
	if s := r.poll; s != nil {
		slowest := quantile(s.total, 1)
		verdict(fmt.Sprintf("the same by polling: ≤ poll interval (%v)", s.poll), fmt.Sprintf("p50 %s, max %s ms (n = %d)", decimal(median(s.total)), decimal(slowest), len(s.total)),
			slowest <= ms(s.poll), "a pause is drawn between 0.8 and 1.2 of the interval, and the look and the acquisition come after it")
	}
	if s := r.crash; s != nil {
		within := 0
		for _, v := range s.total {
			if v <= ms(s.bound()) {
				within++
			}
		}
		verdict("hand-over after kill -9, to one who was waiting: ≤ ttl + grace + poll + operation",
			fmt.Sprintf("%d of %d within %v; p50 %s, max %s ms", within, len(s.total), s.bound().Round(time.Millisecond), decimal(median(s.total)), decimal(quantile(s.total, 1))),
			within == len(s.total), "the machine was too busy to give the waiter a turn in time, or the watch is broken: see the test of it")
	}
	if b := r.binary; b != nil {
		b.goals(verdict)
	}
	p.line("")
}

func (c *callResult) goals(verdict func(goal, measured string, met bool, cause string)) {
	server, _, _ := strings.Cut(strings.TrimPrefix(c.banner, "database: "), " (")
	counts := c.commands[oursName]
	one := true
	for _, op := range []string{first, acquire, refused, renew, release} {
		one = one && slices.Equal(counts[op], []float64{1})
	}
	verdict("acquire, refused acquire, renew, release: one command each ("+server+")", "see the column", one, "a call asked twice")
	for _, op := range []string{acquire, renew, release} {
		x := compare(c.took[oursName][op], c.took[bareName][op])
		verdict(fmt.Sprintf("%s: p50 ≤ %.2f × bare findAndModify (%s)", op, c.goal, server),
			fmt.Sprintf("%.2f × (95 %% CI %.2f–%.2f)", x.middle, x.low, x.high), x.middle <= c.goal, c.cause(op, x))
	}
	for _, op := range []string{acquire, renew, release} {
		if !c.peers { // the same client far away allocates the same
			break
		}
		a, b := median(flat(c.took[oursName][allocs(op)])), median(flat(c.took[bareName][allocs(op)]))
		verdict(fmt.Sprintf("%s: allocations ≤ 1.3 × bare findAndModify (%s)", op, server),
			fmt.Sprintf("%.0f, bare %.0f: %.2f ×", a, b, a/b), a <= 1.3*b, "the lease with its two loops and timers, and what is read of the answer")
	}
	if square, ok := c.took[squareName]; ok {
		x := compare(square[acquire], c.took[oursName][acquire])
		verdict("acquire: level with square/mongo-lock ("+server+")", fmt.Sprintf("it takes %.2f of ours (95 %% CI %.2f–%.2f)", x.middle, x.low, x.high),
			x.high >= 1, "its filter and update have no expressions that the server parses and evaluates")
	}
}

// cause is why a call costs more than the bare one.
func (c *callResult) cause(op string, x ratio) string {
	how := "the server parses and evaluates the update pipeline, which a bare update has none of"
	if strings.Contains(c.banner, "SecantusDB") {
		how = "this server evaluates the update pipeline in Python"
	}
	return fmt.Sprintf("%s: %.2f ms on top of %s ms", how, x.more, decimal(median(flat(c.took[bareName][op]))))
}

func (b *binaryResult) goals(verdict func(goal, measured string, met bool, cause string)) {
	verdict("binary ≤ 20 MB", fmt.Sprintf("%.1f MB", b.size), b.size <= 20, "what it links; see go version -m and its symbols")
	verdict("idle RSS ≤ 20 MB, gate and guard together ≤ 30", fmt.Sprintf("%.1f MB, with guard %.1f", b.gate.rss, b.gate.rss+b.guard.rss),
		b.gate.rss <= 20 && b.gate.rss+b.guard.rss <= 30,
		fmt.Sprintf("pages of the binary count in both, though they are there once; anonymous memory is %.1f + %.1f MB", b.gate.private, b.guard.private))
	cpu := b.gate.cpu + b.guard.cpu
	verdict("idle CPU ≤ 0.2 % of a core at ttl 30 s", fmt.Sprintf("%.3f %% (gate %.3f, guard %.3f)", cpu, b.gate.cpu, b.guard.cpu), cpu <= 0.2, "timers and renewals")
	start := median(b.start)
	verdict("start to first command ≤ 100 ms", fmt.Sprintf("p50 %s, p90 %s ms", decimal(start), decimal(quantile(b.start, 0.9))), start <= 100, "connecting to the server and starting the guard")
}

// largest is the name of the largest figure.
func largest(figures map[string]float64) (name string) {
	for n, v := range figures {
		if name == "" || v > figures[name] {
			name = n
		}
	}
	return name
}
