package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

func read(t *testing.T, lines ...string) *report {
	t.Helper()
	r := &report{outputs: map[string][]string{}, skipReason: map[string]string{}}
	var events []string
	for _, l := range lines {
		f := strings.SplitN(l, " ", 4)
		e := `{"Action":"` + f[0] + `","Package":"` + f[1] + `"`
		if len(f) > 2 {
			e += `,"Test":"` + f[2] + `"`
		}
		if len(f) > 3 {
			e += `,"Output":"` + f[3] + `\n"`
		}
		events = append(events, e+"}")
	}
	must.Do(t, r.read(strings.NewReader(strings.Join(events, "\n"))))
	return r
}

func TestWorthAnother(t *testing.T) {
	late := []string{"output p T/late x.go:1: main was gone late", "fail p T/late", "pass p T/fine", "fail p T", "fail p"}
	for name, test := range map[string]struct {
		lines []string
		want  string
	}{
		"all passed":              {[]string{"pass p T", "pass p"}, ""},
		"a bound":                 {late, "T"},
		"two at once":             {append([]string{"output p U x.go:1: UNSAFE: two at once", "fail p U"}, late...), ""},
		"unsafe in a part":        {[]string{"output p T/b x.go:1: UNSAFE: two at once", "fail p T/b", "fail p T", "fail p"}, ""},
		"more than a few":         {append([]string{"fail p U", "fail p V"}, late...), ""},
		"a crash":                 {[]string{"pass p T", "output p  panic", "fail q"}, ""},
		"a crash beside a bound":  {append([]string{"fail q"}, late...), ""},
		"as many as are forgiven": {append([]string{"fail p U"}, late...), "U T"},
	} {
		if got := strings.Join(read(t, test.lines...).worthAnother(2), " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestForgive(t *testing.T) {
	first := []string{"fail p T/late", "fail p T", "fail p U", "fail p"}
	for name, test := range map[string]struct {
		lines  []string
		failed []string
		says   string
	}{
		"one again":   {append(first, "pass again T/late", "pass again T", "pass again"), []string{"p U"}, "UNSTEADY p T/late"},
		"both again":  {append(first, "pass again T", "pass again U", "pass again"), nil, "2 passed, 0 failed, 0 skipped"},
		"fails again": {append(first, "fail again T", "pass again U", "fail again"), []string{"p T/late", "p T", "again T"}, "FAIL again T"},
	} {
		r := read(t, test.lines...)
		r.forgive("again")
		if !slices.Equal(r.failed, test.failed) {
			t.Errorf("%s: failed %q, want %q", name, r.failed, test.failed)
		}
		var out bytes.Buffer
		code := r.print(&out, 1)
		if !strings.Contains(out.String(), test.says) || (code == 0) != (len(test.failed) == 0) {
			t.Errorf("%s: exit %d and %q, want %q in it", name, code, &out, test.says)
		}
	}
}
