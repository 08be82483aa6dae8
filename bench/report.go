//go:build linux

package main

import (
	"fmt"
	"math"
	"os"
	"strings"
	"time"
)

// result is all that a run has measured.
type result struct {
	start   time.Time
	load    string // of the machine, before
	banners []string
	calls   []*callResult
	stream  *streamResult
	poll    *pollResult
	crash   *crashResult
	waiters []*waitersResult
	binary  *binaryResult
	skipped []string
}

const (
	beginMark = "<!-- bench:begin (written by make bench, do not edit) -->"
	endMark   = "<!-- bench:end -->"
)

// replaceMarked puts text between the marks of a file.
func replaceMarked(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(old), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s: no lines %s and %s", file, beginMark, endMark)
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n\n"+text+"\n"+endMark+after), 0o644) //nolint:gosec // a public document
}

// page collects Markdown.
type page struct{ strings.Builder }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p, format+"\n", args...) }

// table begins a table: the first column to the left, the others to the right.
func (p *page) table(columns ...string) {
	p.line("| %s |", strings.Join(columns, " | "))
	p.line("|%s", "---|"+strings.Repeat("---:|", len(columns)-1))
}

func (p *page) row(cells ...string) { p.line("| %s |", strings.Join(cells, " | ")) }

func (r *result) markdown() string {
	var p page
	p.line("Measured %s on %s; load average before it began: %s.", r.start.UTC().Format("2006-01-02 15:04 MST"), machine(), r.load)
	for _, b := range r.banners {
		p.line("- %s", b)
	}
	p.line("")
	r.goals(&p)
	for _, c := range r.calls {
		c.write(&p)
	}
	r.writeHandovers(&p)
	r.writeWaiters(&p)
	r.writeBinary(&p)
	if len(r.skipped) > 0 {
		p.line("Not measured in this run: %s.\n", strings.Join(r.skipped, "; "))
	}
	return strings.TrimRight(p.String(), "\n") + "\n"
}

func (c *callResult) write(p *page) {
	p.line("### Calls: %s\n", strings.TrimPrefix(c.banner, "database: "))
	took, its := c.took[oursName], c.took[bareName]
	p.line("%d blocks of %d cycles. Ours and a bare findAndModify, alternating:\n", len(took[acquire]), cyclesOf(took))
	p.table("call", "commands", "p50 ms", "p99 ms", "bare p50 ms", "bare p99 ms", "ours more by ms", "ratio", "p10–p90 of blocks", "95 % CI")
	for _, op := range []string{first, acquire, refused, renew, release} {
		x := compare(took[op], its[op])
		a, b := flat(took[op]), flat(its[op])
		p.row(names[op], number(c.commands[oursName][op]), decimal(median(a)), decimal(quantile(a, 0.99)), decimal(median(b)), decimal(quantile(b, 0.99)), fmt.Sprintf("%.2f", x.more),
			fmt.Sprintf("%.2f", x.middle), fmt.Sprintf("%.2f–%.2f", x.p10, x.p90), fmt.Sprintf("%.2f–%.2f", x.low, x.high))
	}
	p.line("")
	p.line("What a call allocates in the client, of the same calls (objects, median):\n")
	p.table("call", "ours", "bare", "ratio")
	for _, op := range []string{first, acquire, refused, renew, release} {
		a, b := median(flat(took[allocs(op)])), median(flat(its[allocs(op)]))
		p.row(names[op], fmt.Sprint(a), fmt.Sprint(b), fmt.Sprintf("%.2f", a/b))
	}
	p.line("")
	if len(c.others) == 0 {
		return
	}
	p.line("The same by other libraries, in the same blocks. The ratio is theirs to ours: above 1 they take longer.\n")
	p.table("call", "library", "commands", "p50 ms", "p99 ms", "ratio to ours", "p10–p90 of blocks")
	for _, op := range []string{acquire, refused, renew, release} {
		for _, peer := range c.others {
			x := compare(c.took[peer][op], took[op])
			a := flat(c.took[peer][op])
			p.row(names[op], peer, number(c.commands[peer][op]), decimal(median(a)), decimal(quantile(a, 0.99)),
				fmt.Sprintf("%.2f", x.middle), fmt.Sprintf("%.2f–%.2f", x.p10, x.p90))
		}
	}
	p.line("")
}

var names = map[string]string{
	first: "acquire, no document yet", acquire: "acquire", refused: "refused acquire", renew: "renew", release: "release",
}

func cyclesOf(b blocks) int {
	if len(b[acquire]) == 0 {
		return 0
	}
	return len(b[acquire][0])
}

func (r *result) writeHandovers(p *page) {
	if r.stream == nil && r.poll == nil && r.crash == nil {
		return
	}
	p.line("### Hand-over\n")
	p.table("from → to", "n", "p50 ms", "p90 ms", "max ms")
	row := func(what string, v []float64) {
		p.row(what, fmt.Sprint(len(v)), decimal(median(v)), decimal(quantile(v, 0.9)), decimal(quantile(v, 1)))
	}
	if s := r.stream; s != nil {
		row("change stream: release sent → waiter holds", s.total)
		row("· commit: release sent → acknowledged", s.commit)
		row("· event: acknowledged → the waiter's stream has it", s.event)
		row(fmt.Sprintf("· acquire: event → lease (%v calls)", median(s.calls)), s.acquire)
		row("· a bare findAndModify beside it", s.bare)
	}
	if s := r.poll; s != nil {
		row(fmt.Sprintf("poll of %v: release acknowledged → waiter holds", s.poll), s.total)
	}
	if s := r.crash; s != nil {
		row(fmt.Sprintf("crash at ttl %v, grace %v, poll %v: kill -9 → waiter holds", s.timing.TTL, s.timing.Grace.Round(time.Millisecond), s.poll.Round(time.Millisecond)), s.total)
	}
	p.line("")
	if s := r.stream; s != nil {
		p.line("With a change stream on %s; the parts are of the same hand-overs, an event can come before the acknowledgement.", strings.TrimPrefix(s.banner, "database: "))
	}
	if s := r.poll; s != nil {
		p.line("By polling on %s; each pause is drawn within a fifth of the interval.", strings.TrimPrefix(s.banner, "database: "))
	}
	p.line("")
}

func (r *result) writeWaiters(p *page) {
	if len(r.waiters) == 0 {
		return
	}
	p.line("### Waiters\n")
	p.line("Each a process's worth: a client and a locker of its own, the defaults of a ttl of 30 s (poll 5 s), all on one key. Commands as the driver counts them, without its own monitoring;")
	p.line("the server's processor time has that in it.\n")
	p.table("server", "how", "waiters", "commands/s each", "commands/s together", "server's ms of CPU per s")
	for _, w := range r.waiters {
		how := "poll"
		if w.stream {
			how = "change stream and poll"
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(w.banner, "database: "), " (")
		cpu := "–"
		if w.server > 0 {
			cpu = decimal(w.server)
		}
		p.row(name, how, fmt.Sprint(w.waiters), fmt.Sprintf("%.2f", w.commands), fmt.Sprintf("%.1f", w.commands*float64(w.waiters)), cpu)
	}
	p.line("")
}

func (r *result) writeBinary(p *page) {
	b := r.binary
	if b == nil {
		return
	}
	p.line("### The binary\n")
	p.line("CGO_ENABLED=0, -trimpath, -s -w: %.1f MB. `run` on an uncontended key: command started after p50 %s, p90 %s, max %s ms; back after p50 %s ms (n = %d).\n",
		b.size, decimal(median(b.start)), decimal(quantile(b.start, 0.9)), decimal(quantile(b.start, 1)), decimal(median(b.back)), len(b.start))
	p.table("while it holds, ttl 30 s", "RSS MB", "of it anonymous MB", "threads", fmt.Sprintf("CPU %% of a core over %v", b.idle))
	for _, x := range []struct {
		name string
		processResult
	}{{"gate", b.gate}, {"guard", b.guard}} {
		p.row(x.name, decimal(x.rss), decimal(x.private), fmt.Sprint(x.threads), fmt.Sprintf("%.3f", x.cpu))
	}
	p.line("")
}

// decimal is a figure with three digits.
func decimal(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case math.Abs(v) >= 100:
		return fmt.Sprintf("%.0f", v)
	case math.Abs(v) >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

func number(v []float64) string {
	if len(v) == 0 {
		return "–"
	}
	return fmt.Sprint(v[0])
}
