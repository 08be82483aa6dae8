package mongolock

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

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
