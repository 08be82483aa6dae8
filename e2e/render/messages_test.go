package render

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

var (
	verb      = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
	quoted    = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`)
	span      = regexp.MustCompile("`([^`]+)`")
	separator = regexp.MustCompile(`^\|[-| ]+\|$`)
)

// plain is a message with … for whatever differs from one time to the next.
func plain(format string) string {
	text := strings.ReplaceAll(verb.ReplaceAllString(strings.ReplaceAll(format, "%%", "\x00"), "…"), "\x00", "%")
	return strings.ReplaceAll(text, `"…"`, "…")
}

// literals are all texts of the product: of its Go sources and its templates.
func literals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"cmd", "internal", "pkg", "charts"} {
		must.Do(t, filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go"):
			case strings.HasSuffix(path, ".go"):
				f, err := parser.ParseFile(gotoken.NewFileSet(), path, nil, 0)
				if err != nil {
					return err
				}
				ast.Inspect(f, func(n ast.Node) bool {
					if e, ok := n.(ast.Expr); ok {
						if text := constant(e); text != "" {
							all.WriteString(plain(text) + "\n")
							return false
						}
					}
					return true
				})
			case strings.Contains(path, "/templates/"):
				for _, m := range quoted.FindAllStringSubmatch(read(t, path), -1) {
					text, err := strconv.Unquote(m[0])
					if err != nil {
						text = m[1]
					}
					all.WriteString(plain(text) + "\n")
				}
			}
			return err
		}))
	}
	return all.String()
}

// constant is a text that is written in one piece, or in several with + between them.
func constant(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == gotoken.STRING {
			text, _ := strconv.Unquote(e.Value)
			return text
		}
	case *ast.BinaryExpr:
		if e.Op == gotoken.ADD {
			if x, y := constant(e.X), constant(e.Y); x != "" && y != "" {
				return x + y
			}
		}
	}
	return ""
}

// messages are the code spans in the first column of each table whose head says "message".
func messages(text string) (all []string) {
	inside := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case !strings.HasPrefix(line, "|"):
			inside = false
		case strings.HasPrefix(line, "| message "):
			inside = true
		case inside && !separator.MatchString(line):
			cell, _, _ := strings.Cut(strings.TrimPrefix(line, "|"), " | ")
			for _, m := range span.FindAllStringSubmatch(cell, -1) {
				all = append(all, m[1])
			}
		}
	}
	return all
}

// Who searches for what he reads finds it: every message that the page about troubles quotes is one of the product, word by word.
func TestDocumentedMessages(t *testing.T) {
	texts := literals(t)
	said := messages(read(t, root+"/docs/kubernetes/troubleshooting.md"))
	for _, m := range said {
		if !strings.Contains(texts, plain(m)) {
			t.Errorf("nothing says %q", m)
		}
	}
	if len(said) < 60 {
		t.Errorf("only %d messages are quoted", len(said))
	}
	// The test can fail, and does not for what differs.
	for text, want := range map[string]bool{
		"waiting for the lock": true, "waiting for the look": false,
		"container … has no command: the wrapper starts it": true, `lock "…" lost: …`: true, "lock lost: …, %s": false,
	} {
		if strings.Contains(texts, plain(text)) != want {
			t.Errorf("%q: the other way round", text)
		}
	}
	if got := messages("| message | what |\n|---|---|\n| `one` and `two` | `no` |\n\n| you see | what |\n|---|---|\n| `no` | |\n"); len(got) != 2 {
		t.Errorf("read %q of a table", got)
	}
}
