//go:build linux

package witness

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// line is one line of a log; the key is what stands before the slash of the ID.
func line(ms int, event, id string, token int64) Entry {
	key, _, _ := strings.Cut(id, "/")
	return Entry{At: time.Duration(ms) * time.Millisecond, Event: event, Key: key, ID: id, Token: token, PID: 1}
}

func gone(ms int, id string, alive int) Entry {
	e := line(ms, Gone, id, 0)
	e.Alive = time.Duration(alive) * time.Millisecond
	return e
}

func finds(e Entry, ids ...string) Entry { e.Beside = ids; return e }

// handOver is a clean story: a runs and is gone, then b runs and is gone.
func handOver() []Entry {
	return []Entry{
		line(100, Start, "k/a", 7), line(150, Beat, "k/a", 7), line(200, Beat, "k/a", 7), gone(260, "k/a", 210),
		line(300, Start, "k/b", 8), line(350, End, "k/b", 8), gone(400, "k/b", 350),
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name     string
		change   func([]Entry) []Entry
		overlaps int
		fault    string // a part of the only fault; "" is a clean verdict
	}{
		{"hand-over", func(s []Entry) []Entry { return s }, 0, ""},
		{"other keys do not matter", func(s []Entry) []Entry {
			return append(s, line(120, Start, "other/c", 1), line(380, Beat, "other/c", 1), gone(390, "other/c", 0))
		}, 0, ""},
		{"order of lines does not matter", func(s []Entry) []Entry { slices.Reverse(s); return s }, 0, ""},
		{"seen gone late, but the successor found it gone", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 210)
			return s
		}, 0, ""},
		{"a beat after the successor's start", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 210)
			return append(s, line(301, Beat, "k/a", 7))
		}, 1, "two holders of key \"k\": k/a and k/b, for 1ms"},
		{"a beat of a successor that only started", func([]Entry) []Entry {
			return []Entry{line(1, Start, "k/a", 1), line(9, Beat, "k/a", 1), gone(20, "k/a", 0), line(5, Start, "k/b", 2), gone(21, "k/b", 0)}
		}, 1, "two holders"},
		{"in the table of processes after the successor's start", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 320)
			return s
		}, 1, "two holders of key \"k\": k/a and k/b, for 20ms"},
		{"found alive by the successor", func(s []Entry) []Entry {
			s[4] = finds(s[4], "k/a")
			return s
		}, 1, "two holders"},
		{"a third over two", func(s []Entry) []Entry {
			return append(s, finds(line(340, Start, "k/c", 9)), gone(420, "k/c", 0))
		}, 1, "k/b and k/c"},
		{"not next to each other", func(s []Entry) []Entry {
			s[3] = gone(500, "k/a", 210)
			return append(s, finds(line(410, Start, "k/c", 9), "k/a"), gone(420, "k/c", 0))
		}, 1, "k/a and k/c"},
		{"excused before", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 320)
			return append(s, line(250, Excuse, "k", 0))
		}, 1, ""},
		{"excused too late", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 320)
			return append(s, line(310, Excuse, "k", 0))
		}, 1, "two holders"},
		{"another key excused", func(s []Entry) []Entry {
			s[3] = gone(380, "k/a", 320)
			return append(s, line(250, Excuse, "other", 0))
		}, 1, "two holders"},
		{"token repeated", func(s []Entry) []Entry {
			s[4].Token, s[5].Token = 7, 7
			return s
		}, 0, "tokens of key \"k\" do not grow: k/a had 7, k/b after it 7"},
		{"token fell", func(s []Entry) []Entry {
			s[4].Token, s[5].Token = 6, 6
			return s
		}, 0, "do not grow"},
		{"no excuse for tokens", func(s []Entry) []Entry {
			s[4].Token, s[5].Token = 6, 6
			return append(s, line(50, Excuse, "k", 0))
		}, 0, "do not grow"},
		{"no token", func(s []Entry) []Entry { return []Entry{line(1, Start, "k/a", 0), gone(3, "k/a", 0)} }, 0, "no fencing token"},
		{"never verified gone", func(s []Entry) []Entry { return s[:6] }, 0, "k/b of key \"k\" was never verified gone"},
		{"wrote after it was gone", func(s []Entry) []Entry {
			return append(s, line(270, Beat, "k/a", 7))
		}, 0, "verified gone and wrote 10ms later"},
		{"gone without a start", func(s []Entry) []Entry { return append(s, gone(500, "k/x", 0)) }, 0, "never started"},
		{"changes its token", func(s []Entry) []Entry { return append(s, line(320, Beat, "k/b", 9)) }, 0, "speaks of"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := Judge(c.change(handOver()))
			if len(v.Overlaps) != c.overlaps {
				t.Errorf("overlaps: %v, want %d", v.Overlaps, c.overlaps)
			}
			if c.fault == "" {
				if !v.Clean() {
					t.Errorf("faults: %q", v.Faults)
				}
				if v.Excused != c.overlaps {
					t.Errorf("%d excused, want %d", v.Excused, c.overlaps)
				}
				return
			}
			if len(v.Faults) != 1 || !strings.Contains(v.Faults[0], c.fault) {
				t.Errorf("faults: %q, want one with %q", v.Faults, c.fault)
			}
		})
	}
}

func TestVerdictOf(t *testing.T) {
	v := Judge(handOver())
	a := v.Of("k/a")
	if a == nil || a.Start != 100*time.Millisecond || a.Gone != 260*time.Millisecond || a.LastAlive != 210*time.Millisecond || a.Ended != 0 || a.Token != 7 {
		t.Errorf("a: %+v", a)
	}
	if b := v.Of("k/b"); b == nil || b.Ended != 350*time.Millisecond {
		t.Errorf("b: %+v", b)
	}
	if c := v.Of("k/c"); c != nil {
		t.Errorf("c: %+v", c)
	}
}
