package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryRuleIsLeftOut needs no spin: the model's rules and properties are those of the table.
func TestEveryRuleIsLeftOut(t *testing.T) {
	text := readFile(t, "lock.pml")
	var left, broken []string
	for _, p := range parts {
		for _, r := range p.rules {
			left, broken = append(left, r.name), append(broken, r.breaks)
		}
	}
	listed := names(t, text, `(?s)mtype:rule = \{(.*?)\n\};`)
	if slices.Sort(left); !slices.Equal(left, listed) {
		t.Errorf("the table leaves out %q, and the model has %q", left, listed)
	}
	slices.Sort(broken)
	if properties := names(t, text, `(?s)\nbool (two_at_once.*?);`); !slices.Equal(slices.Compact(broken), properties) {
		t.Errorf("the rules break %q, and the model's properties are %q", slices.Compact(broken), properties)
	}
	for _, name := range listed {
		if !strings.Contains(text, "has("+name+")") {
			t.Errorf("the model never asks for the rule %s", name)
		}
	}
}

// TestPageShowsTheTable: what make spin finds was written into the page when the table changed.
func TestPageShowsTheTable(t *testing.T) {
	page := readFile(t, filepath.Join("..", "..", document))
	for _, p := range parts {
		if !strings.Contains(page, "| "+p.name+" | "+p.what+" | ") {
			t.Errorf("%s does not show the part %q: go run ./hack/spin -update", document, p.name)
		}
		for _, r := range p.rules {
			if row := "| `" + r.name + "` | " + p.name + " | " + strings.ReplaceAll(r.breaks, "_", " ") + " |\n"; !strings.Contains(page, row) {
				t.Errorf("%s has no row %q: go run ./hack/spin -update", document, row)
			}
		}
	}
}

func TestWhatTheVerifierSays(t *testing.T) {
	const figures = "\nState-vector 92 byte, depth reached 52, errors: %\n  1016294 states, stored\n"
	all := strings.ReplaceAll(figures, "%", "0")
	one := strings.ReplaceAll(figures, "%", "1")
	for _, c := range []struct {
		name, out string
		want      found
	}{
		{"complete", all, found{states: 1016294, complete: true}},
		{"a large number", strings.ReplaceAll(all, "1016294", "1.6350620e+07"), found{states: 16350620, complete: true}},
		{"too deep", "error: max search depth too small\n" + all, found{states: 1016294}},
		{"no memory", "pan: reached -DMEMLIM bound\n" + all, found{states: 1016294}},
		{"a property", "pan:1: assertion violated  !(two_at_once) (at depth 50)\n" + one, found{states: 1016294, broken: "two_at_once"}},
		{"without an end", "pan:1: non-progress cycle (at depth 23)\n" + one, found{states: 1016294, broken: "pan:1: non-progress cycle (at depth 23)"}},
	} {
		got, err := read(c.out)
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v; want %+v", c.name, got, err, c.want)
		}
	}
	if _, err := read("Segmentation fault"); err == nil {
		t.Error("no figures, and no error")
	}
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks string
		f      found
		good   bool
	}{
		{"complete", "", found{complete: true}, true},
		{"not complete", "", found{}, false},
		{"fails with all rules", "", found{broken: "two_at_once"}, false},
		{"fails without its rule", "two_at_once", found{broken: "two_at_once"}, true},
		{"another property fails", "two_at_once", found{broken: "token_went_back"}, false},
		{"nothing fails without its rule", "two_at_once", found{complete: true}, false},
	} {
		s := &search{part: &parts[0], breaks: c.breaks}
		if err := s.judge(c.f); (err == nil) != c.good {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names are the sorted identifiers of what the pattern finds, without comments.
func names(t *testing.T, text, pattern string) []string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("the model has nothing like %s", pattern)
	}
	found := regexp.MustCompile(`\w+`).FindAllString(regexp.MustCompile(`(?s)/\*.*?\*/`).ReplaceAllString(m[1], ""), -1)
	slices.Sort(found)
	return found
}
