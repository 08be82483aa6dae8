//go:build linux

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/mongogate/mongogate/test/must"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	heading = regexp.MustCompile(`(?m)^#{1,6} +(.+?) *$`)
)

func TestLinksLeadSomewhere(t *testing.T) {
	all := map[string]page{}
	for _, p := range pages(t) {
		all[p.name] = p
	}
	checked := 0
	for _, p := range all {
		for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(p.text, ""), -1) {
			if strings.Contains(m[1], "://") {
				checkOutside(t, p.name, m[1])
				continue
			}
			checked++
			path, anchor, _ := strings.Cut(m[1], "#")
			target := p.name
			if path != "" {
				target = filepath.Join(filepath.Dir(p.name), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.name, m[1])
				continue
			}
			if to, ok := all[target]; anchor != "" && ok && !anchors(to.text)[anchor] {
				t.Errorf("%s: %s has no heading for #%s", p.name, target, anchor)
			}
		}
	}
	if checked < 100 {
		t.Errorf("only %d links were looked at", checked)
	}
}

// checkOutside: nothing is fetched, but links that would not be for readers are found.
func checkOutside(t *testing.T, page, url string) {
	t.Helper()
	if !strings.HasPrefix(url, "https://") {
		t.Errorf("%s: %s is not https", page, url)
	}
}

// anchors are the ids that GitHub gives to headings.
func anchors(text string) map[string]bool {
	ids := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, m[1])
		id := slug
		for n := 1; ids[id]; n++ {
			id = slug + "-" + strconv.Itoa(n)
		}
		ids[id] = true
	}
	return ids
}

// TestEveryDocumentIsInTheIndex: the index of docs/ links every page.
func TestEveryDocumentIsInTheIndex(t *testing.T) {
	index := must.Get(os.ReadFile(filepath.Join(root, "docs", "README.md")))(t)
	for _, p := range pages(t) {
		name, ok := strings.CutPrefix(p.name, "docs/")
		if ok && name != "README.md" && !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/README.md does not link %s", name)
		}
	}
}
