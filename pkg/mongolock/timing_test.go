package mongolock

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mongogate/mongogate/test/must"
)

func TestP12_DefaultsFollowFromTheTTL(t *testing.T) {
	got := Timing{}.WithDefaults()
	want := Timing{TTL: 30 * time.Second, Heartbeat: 5 * time.Second, Operation: 6 * time.Second, KillBudget: 5 * time.Second, Grace: 5 * time.Second}
	if got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got.Drift() != 300*time.Millisecond || got.Deadline(time.Minute) != time.Minute+24700*time.Millisecond || got.Silence() != 35*time.Second {
		t.Errorf("drift %v, deadline %v, silence %v", got.Drift(), got.Deadline(time.Minute), got.Silence())
	}
	for _, ttl := range []time.Duration{MinTTL, 7 * time.Second, 30 * time.Second, time.Hour, 24 * time.Hour} {
		if err := (Timing{TTL: ttl}).WithDefaults().Validate(); err != nil {
			t.Errorf("the defaults of %v: %v", ttl, err)
		}
	}
}

func TestP12_ArithmeticIsRefusedWithItsSum(t *testing.T) {
	base := Timing{}.WithDefaults()
	change := func(f func(*Timing)) Timing { c := base; f(&c); return c }
	for name, c := range map[string]struct {
		t    Timing
		want []string
	}{
		"heartbeat":      {change(func(c *Timing) { c.Heartbeat = 13 * time.Second }), []string{"heartbeat 13s + 2 × operation timeout 6s = 25s > ttl 30s − kill budget 5s − drift 300ms = 24.7s"}},
		"just too long":  {change(func(c *Timing) { c.Heartbeat = 12*time.Second + 700*time.Millisecond + 1 }), []string{"heartbeat 12.700000001s"}},
		"operation":      {change(func(c *Timing) { c.Operation = 10 * time.Second }), []string{"2 × operation timeout 10s"}},
		"kill budget":    {change(func(c *Timing) { c.KillBudget = 20 * time.Second }), []string{"kill budget 20s"}},
		"a short ttl":    {Timing{TTL: time.Second}.WithDefaults(), []string{"ttl 1s < 5s"}},
		"negative":       {change(func(c *Timing) { c.Grace = -time.Second }), []string{"grace -1s: must be positive"}},
		"too fine":       {change(func(c *Timing) { c.Grace = time.Microsecond }), []string{"grace 1µs: the store counts in milliseconds"}},
		"forever":        {change(func(c *Timing) { c.TTL = math.MaxInt64 }), []string{"ttl 2562047h47m16.854775807s: longer than 30 years"}},
		"all at once":    {Timing{TTL: time.Second, Heartbeat: -1, Operation: time.Hour, KillBudget: -1, Grace: -1}, []string{"heartbeat", "kill budget", "grace", "ttl 1s < 5s", "operation timeout 1h0m0s ="}},
		"nothing filled": {Timing{}, []string{"ttl 0s: must be positive", "heartbeat 0s", "operation timeout 0s"}},
	} {
		err := c.t.Validate()
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", name, err, want)
			}
		}
	}
	if err := change(func(c *Timing) { c.Heartbeat = 12*time.Second + 700*time.Millisecond }).Validate(); err != nil {
		t.Errorf("the sum that just holds: %v", err)
	}
	if err := (Timing{TTL: time.Second, AllowShort: true}).WithDefaults().Validate(); err != nil {
		t.Errorf("a short ttl that was asked for: %v", err)
	}
}

// TestBadOptionsAreReportedAtOnce: one who mends the first is not to find the second.
func TestBadOptionsAreReportedAtOnce(t *testing.T) {
	_, err := Connect("mongodb://h/?w=1&journal=false", Options{Poll: -1, Keep: -1, Timing: Timing{TTL: time.Second, Grace: -1}})
	if !errors.Is(err, ErrConfig) {
		t.Fatal(err)
	}
	for _, want := range []string{"poll", "keep", "ttl 1s", "grace -1ns", "w=1", "journal=false"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	l := offline(t)
	_, err = l.Try(t.Context(), "", TTL(time.Millisecond))
	if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), "empty") || !strings.Contains(err.Error(), "heartbeat 166.666µs") {
		t.Errorf("%v, want the key and the ttl", err)
	}
	if _, err := New(l.conn.current().coll, Options{Keep: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("New: %v", err)
	}
}

// offline is a Locker whose server is away.
func offline(t *testing.T) *Locker {
	t.Helper()
	l := must.Get(Connect("mongodb://127.0.0.1:1/", Options{Timing: Timing{TTL: time.Second, AllowShort: true}}))(t)
	t.Cleanup(func() { must.Do(t, l.Close(context.Background())) })
	return l
}

func TestClosedLockerObtainsNothing(t *testing.T) {
	l := offline(t)
	must.Do(t, l.Close(t.Context()))
	if _, err := l.Try(t.Context(), "key"); !errors.Is(err, ErrClosed) {
		t.Errorf("Try: %v", err)
	}
	if _, err := l.Acquire(t.Context(), "key"); !errors.Is(err, ErrClosed) {
		t.Errorf("Acquire: %v", err)
	}
	if _, err := l.AcquireAlone(t.Context(), "key", "job"); !errors.Is(err, ErrClosed) {
		t.Errorf("AcquireAlone: %v", err)
	}
}

func TestCheckKey(t *testing.T) {
	for _, good := range []string{"a", "reports", "ns/job@2026-11-22T03:00Z", "$where", "a.b.c", "käse/日本", "{}", "a b", strings.Repeat("x", maxKey), "mongogate", ".mongo"} {
		if err := CheckKey(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for bad, why := range map[string]string{
		"":                            "empty",
		strings.Repeat("x", maxKey+1): "1001 bytes",
		strings.Repeat("ä", 501):      "1002 bytes",
		"a\xff":                       "UTF-8",
		".mongogate.store":            "reserved",
		".mongogate":                  "reserved",
		"a\nb":                        "control",
		"a\x00b":                      "control",
		"\u0085":                      "control",
		" a":                          "blank",
		"a\u00a0":                     "blank",
		"\u2003":                      "blank",
	} {
		err := CheckKey(bad)
		if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: %v, want ErrConfig about %q", bad, err, why)
		}
	}
	if err := distinct("a", "a"); !errors.Is(err, ErrConfig) {
		t.Errorf("one key twice: %v", err)
	}
}

func FuzzCheckKey(f *testing.F) {
	for _, s := range []string{"", "a", " a", "\xff", ".mongogate", "a\x7f", strings.Repeat("x", 2000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		err := CheckKey(key)
		if err != nil {
			if !errors.Is(err, ErrConfig) || len(err.Error()) > 5*maxKey+200 || !utf8.ValidString(err.Error()) {
				t.Errorf("%q: %q", key, err)
			}
			return
		}
		// What is accepted is its own, trimmed, printable name, and sorts outside of what is reserved.
		if key == "" || len(key) > maxKey || strings.TrimSpace(key) != key || key >= reservedPrefix && key < after(reservedPrefix) && strings.HasPrefix(key, reservedPrefix) {
			t.Errorf("%q was accepted", key)
		}
	})
}
