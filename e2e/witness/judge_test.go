//go:build linux

package witness

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

func TestOverlaps(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	run := func(pod string, start, seen, gone int) Run {
		r := Run{Key: "k", Pod: pod, Container: pod + strconv.Itoa(start), Start: at(start), Seen: at(seen)}
		if gone > 0 {
			r.Gone = at(gone)
		}
		return r
	}
	for _, c := range []struct {
		name     string
		runs     []Run
		overlaps int
		crowds   int
	}{
		{"one after the other", []Run{run("a", 0, 100, 120), run("b", 130, 200, 0)}, 0, 0},
		{"between the last look and the end", []Run{run("a", 0, 100, 120), run("b", 110, 200, 0)}, 0, 0},
		{"within a tick", []Run{run("a", 0, 100, 120), run("b", 95, 200, 0)}, 0, 0},
		{"at once", []Run{run("a", 0, 100, 120), run("b", 80, 200, 0)}, 1, 0},
		{"the first still lives", []Run{run("a", 0, 300, 0), run("b", 80, 200, 220)}, 1, 0},
		{"seen in the other order", []Run{run("b", 80, 200, 0), run("a", 0, 100, 120)}, 1, 0},
		{"one after the other, seen in the other order", []Run{run("b", 130, 200, 0), run("a", 0, 100, 120)}, 0, 0},
		{"three", []Run{run("a", 0, 100, 0), run("b", 20, 100, 0), run("c", 40, 100, 0)}, 3, 0},
		{"in one pod", []Run{run("a", 0, 100, 0), run("a", 20, 100, 0)}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &Witness{}
			for _, r := range c.runs {
				w.runs = append(w.runs, &r)
			}
			if got := w.Overlaps("k"); len(got) != c.overlaps {
				t.Errorf("overlaps: %v, want %d", got, c.overlaps)
			}
			if got := w.Crowds("k"); len(got) != c.crowds {
				t.Errorf("crowds: %v, want %d", got, c.crowds)
			}
			if got := w.Overlaps("other"); len(got) != 0 {
				t.Errorf("another key: %v", got)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	const uid = "11111111-2222-3333-4444-555555555555"
	id := strings.Repeat("ab", 32)
	for _, c := range []struct{ name, cgroup, pod, container string }{
		{"version 1", "12:memory:/mongogate-a/kubepods/burstable/pod" + uid + "/" + id + "\n1:name=systemd:/mongogate-a/kubepods/burstable/pod" + uid + "/" + id, uid, id},
		{
			"systemd",
			"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + strings.ReplaceAll(uid, "-", "_") + ".slice/cri-containerd-" + id + ".scope",
			uid, id,
		},
		{"kind", "/docker/" + strings.Repeat("c", 64) + "/kubelet/kubepods/besteffort/pod" + uid + "/" + id, uid, id},
		{"the pod's own", "/kubepods/pod" + uid, uid, ""},
		{"no pod", "/user.slice/session-1.scope", "", ""},
	} {
		if pod, container := Place(c.cgroup); pod != c.pod || container != c.container {
			t.Errorf("%s: pod %q, container %q", c.name, pod, container)
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, s string) int {
	t.Helper()
	n := must.Get(strconv.Atoi(strings.TrimSpace(s)))(t)
	return n
}

// BenchmarkLook is what a look costs the machine, fifty times a second.
func BenchmarkLook(b *testing.B) {
	t := newTable()
	for b.Loop() {
		must.Get(t.workers())(b)
	}
	names, _ := os.ReadDir("/proc")
	b.ReportMetric(float64(len(names)), "entries")
}
