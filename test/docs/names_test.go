package docs

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// The names that a package gives to others are few, and each is shown by an example or has a reason. The values of a
// type that only lists them stand with their type.
var exported = []struct { //nolint:gochecknoglobals // a table
	dir     string
	most    int
	reasons map[string]string
}{
	{"pkg/gate", 18, map[string]string{
		"ActionKind":  "of Change, which an observer is told",
		"Change":      "what an observer is told; metrics and Events are made of it",
		"Clock":       "the interface that Config takes",
		"ErrDeadline": "how a loss by the clock is told from others",
		"ErrEnded":    "how the end of a workload is told from a loss",
		"Gate":        "what New returns",
		"Grant":       "what a workload is started with",
		"Lease":       "what a Lock gives",
		"Lock":        "the interface that Config takes",
		"Outcome":     "what a lease is finished with",
		"Result":      "what Run returns",
		"State":       "what Gate.State returns",
		"Workload":    "the interface that Config takes",
	}},
	{"pkg/mongolock", 62, map[string]string{
		"AboutURI":          "what a program checks before it connects: doctor does",
		"AcquireOption":     "what TTL, Within and the others return",
		"AnyLease":          "what Lease and Pair have in common",
		"Change":            "what a Store is asked for",
		"Clock":             "of Options, for tests of one's own",
		"DefaultCollection": "the Python library's name, for who looks with mongosh",
		"DefaultDatabase":   "the Python library's name, for who looks with mongosh",
		"Denied":            "how credentials that may be replaced are told from a mistake",
		"ErrCollection":     "how a collection in which no lock can be held is told",
		"ErrFinished":       "how an end of one's own is told from a loss",
		"ErrNotHeld":        "of Revoke",
		"ErrNotTried":       "of Only",
		"ErrOtherStore":     "of Reconnect",
		"ErrUnavailable":    "how a store that is away is told from one that refuses",
		"ErrUnknown":        "how an answer that never came is told from a refusal",
		"EventKind":         "of Event",
		"FenceField":        "what Fence writes, for indexes and views of one's own",
		"Fenced":            "what Fence returns",
		"Finding":           "of StoreInfo",
		"Format":            "the version of the document, for who reads it otherwise",
		"Lease":             "what Acquire returns",
		"Locker":            "what New and Connect return",
		"LossReason":        "of LostError",
		"MinTTL":            "the bound that Timing.Validate holds, for flags of one's own",
		"NewWithStore":      "package memory shows it",
		"Outcome":           "what Finish takes",
		"Pair":              "what AcquireAlone returns",
		"Store":             "the interface that NewWithStore takes; package memory shows one",
		"StoreInfo":         "what Locker.Store and Locker.Check return",
		"TimingError":       "which sum does not add up, for flags of one's own",
		"TimingFault":       "of TimingError",
		"URI":               "what AboutURI returns",
	}},
}

func TestEveryNameIsShownOrHasAReason(t *testing.T) {
	for _, p := range exported {
		names, shown := namesOf(t, filepath.Join(root, p.dir))
		for _, name := range names {
			reason := p.reasons[name]
			switch {
			case slices.Contains(shown, name) && reason != "":
				t.Errorf("%s.%s is shown by an example: its reason can go", p.dir, name)
			case !slices.Contains(shown, name) && reason == "":
				t.Errorf("%s.%s is in no example, and there is no reason for it", p.dir, name)
			}
		}
		for name := range p.reasons {
			if !slices.Contains(names, name) {
				t.Errorf("%s has no %s", p.dir, name)
			}
		}
		if t.Logf("%s: %d names, %d of them in examples", p.dir, len(names), len(names)-len(p.reasons)); len(names) > p.most || len(names) < p.most/2 {
			t.Errorf("%s gives %d names to others, want at most %d", p.dir, len(names), p.most)
		}
	}
}

// namesOf lists what a package exports, but for the values of types that are there to list them, and what its examples use.
func namesOf(t *testing.T, dir string) (names, shown []string) {
	t.Helper()
	files := token.NewFileSet()
	var sources []*ast.File
	paths := must.Get(filepath.Glob(filepath.Join(dir, "*.go")))(t)
	for _, path := range paths {
		text := must.Get(os.ReadFile(path))(t)
		f := must.Get(parser.ParseFile(files, path, text, parser.ParseComments))(t)
		if strings.HasSuffix(path, "_test.go") {
			shown = append(shown, usedInExamples(f, filepath.Base(dir))...)
		} else {
			sources = append(sources, f)
		}
	}
	p := must.Get(doc.NewFromFiles(files, sources, dir))(t)
	values := func(all []*doc.Value) {
		for _, v := range all {
			names = append(names, v.Names...)
		}
	}
	functions := func(all []*doc.Func) {
		for _, f := range all {
			names = append(names, f.Name)
		}
	}
	values(p.Consts)
	values(p.Vars)
	functions(p.Funcs)
	for _, of := range p.Types {
		names = append(names, of.Name)
		functions(of.Funcs)
	}
	return slices.DeleteFunc(names, func(name string) bool { return !ast.IsExported(name) }), shown
}

func usedInExamples(f *ast.File, pkg string) (used []string) {
	for _, d := range f.Decls {
		example, ok := d.(*ast.FuncDecl)
		if !ok || !strings.HasPrefix(example.Name.Name, "Example") {
			continue
		}
		ast.Inspect(example, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == pkg {
					used = append(used, s.Sel.Name)
				}
			}
			return true
		})
	}
	return used
}
