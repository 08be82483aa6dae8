package telemetry_test

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/go/packages"
)

// taker says which arguments of a call are the message and the first of the pairs after it; -1: there is none.
type taker struct{ message, pairs int }

// takers are found to have more among them: functions of ours that hand a parameter on as the message.
func takers() map[string]taker {
	return map[string]taker{
		"(github.com/go-logr/logr.Logger).Info":       {0, 1},
		"(github.com/go-logr/logr.Logger).Error":      {1, 2},
		"(github.com/go-logr/logr.Logger).WithValues": {-1, 0},
		"(*go.uber.org/zap.SugaredLogger).Warnw":      {0, 1},
	}
}

// longest leaves room on a line for time, level and some fields.
const longest = 72

var (
	keyShape = regexp.MustCompile(`^[a-z][a-zA-Z]*$`)
	verb     = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
	// names may begin a message as they are written.
	names = regexp.MustCompile(`^(MongoDB|Kubernetes)\b`)
)

// TestMessages: a message is short and always the same, so that people and programs find it; what differs is in fields.
func TestMessages(t *testing.T) {
	all := load(t)
	for known := 0; known < len(all.takers); { // one function may hand on to another one
		known = len(all.takers)
		all.calls(func(c call) { all.learn(c) })
	}
	messages, keys := 0, 0
	all.calls(func(c call) {
		if c.to.message >= 0 && !all.learn(c) {
			messages++
			if text, ok := c.constant(c.Args[c.to.message]); !ok {
				t.Errorf("%s: the message is not constant: what differs belongs into fields", c.at())
			} else if wrong := style(text); wrong != "" {
				t.Errorf("%s: %q: %s", c.at(), text, wrong)
			}
		}
		pairs, ok := c.pairs()
		if !ok || len(pairs)%2 != 0 {
			t.Errorf("%s: these are no pairs of key and value", c.at())
			return
		}
		for pair := range slices.Chunk(pairs, 2) {
			keys++
			if key, ok := c.constant(pair[0]); !ok || !keyShape.MatchString(key) {
				t.Errorf("%s: key %q is not constant or not in camel case", c.at(), key)
			}
		}
	})
	fmt.Printf("cases: %d log messages with %d fields\n", messages, keys)
	if messages < 60 {
		t.Errorf("only %d messages are found", messages)
	}
}

// style says what is wrong with a message; "" where nothing is.
func style(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	switch {
	case utf8.RuneCountInString(text) > longest:
		return fmt.Sprintf("%d characters, more than %d", utf8.RuneCountInString(text), longest)
	case !names.MatchString(text) && strings.ToLower(string(first)) != string(first):
		return "it begins with a capital letter"
	case strings.HasSuffix(text, "."):
		return "it ends with a full stop"
	case verb.MatchString(text):
		return "it has a verb of package fmt"
	}
	return ""
}

func TestStyle(t *testing.T) {
	for text, good := range map[string]bool{
		"lock acquired": true, "MongoDB's log is off": true, "a CronJob owns this Job": true,
		"Lock acquired": false, "lock acquired.": false, "lock %q acquired": false, strings.Repeat("ä", longest): true, strings.Repeat("a", longest+1): false,
	} {
		if wrong := style(text); (wrong == "") != good {
			t.Errorf("%q: %q", text, wrong)
		}
	}
}

// program is what ships.
type program struct {
	packages []*packages.Package
	takers   map[string]taker
}

func load(t *testing.T) *program {
	t.Helper()
	const module = "github.com/mongogate/mongogate/"
	list, err := packages.Load(&packages.Config{Mode: packages.LoadSyntax}, module+"cmd/...", module+"internal/...", module+"pkg/...")
	if err != nil || packages.PrintErrors(list) > 0 {
		t.Fatal("loading the module: ", err)
	}
	return &program{list, takers()}
}

// call is a call of a taker, in a function.
type call struct {
	*ast.CallExpr
	to   taker
	in   *ast.FuncDecl
	pack *packages.Package
}

// calls visits the calls of all takers.
func (all *program) calls(visit func(call)) {
	for _, p := range all.packages {
		for _, file := range p.Syntax {
			for _, d := range file.Decls {
				f, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(f, func(n ast.Node) bool {
					if c, ok := n.(*ast.CallExpr); ok {
						if to, ok := all.takers[callee(p, c)]; ok {
							visit(call{c, to, f, p})
						}
					}
					return true
				})
			}
		}
	}
}

func callee(p *packages.Package, c *ast.CallExpr) string {
	var name *ast.Ident
	switch f := ast.Unparen(c.Fun).(type) {
	case *ast.SelectorExpr:
		name = f.Sel
	case *ast.Ident:
		name = f
	default:
		return ""
	}
	if f, ok := p.TypesInfo.Uses[name].(*types.Func); ok {
		return f.FullName()
	}
	return ""
}

// learn makes the function in which a call stands a taker itself where the message is a parameter of it.
func (all *program) learn(c call) bool {
	if c.to.message < 0 {
		return false
	}
	f, ok := c.pack.TypesInfo.Defs[c.in.Name].(*types.Func)
	if !ok {
		return false
	}
	at := c.parameter(f, c.Args[c.to.message])
	if at < 0 {
		return false
	}
	own := taker{message: at, pairs: -1}
	if c.Ellipsis.IsValid() {
		own.pairs = c.parameter(f, c.Args[len(c.Args)-1])
	}
	all.takers[f.FullName()] = own
	return true
}

// parameter is the number of the parameter that an expression is, or -1.
func (c call) parameter(f *types.Func, e ast.Expr) int {
	name, ok := e.(*ast.Ident)
	if !ok {
		return -1
	}
	for i := range f.Signature().Params().Len() {
		if c.pack.TypesInfo.Uses[name] == f.Signature().Params().At(i) {
			return i
		}
	}
	return -1
}

func (c call) at() token.Position { return c.pack.Fset.Position(c.Pos()) }

func (c call) constant(e ast.Expr) (string, bool) {
	v := c.pack.TypesInfo.Types[e].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}

// pairs are the keys and values of a call, also those of a list that was made before it.
func (c call) pairs() ([]ast.Expr, bool) {
	switch {
	case c.to.pairs < 0 || len(c.Args) <= c.to.pairs:
		return nil, true
	case c.Ellipsis.IsValid():
		return c.elements(c.Args[len(c.Args)-1])
	}
	return c.Args[c.to.pairs:], true
}

// elements are what is in a list: what it was made of, and what was appended to it. A parameter's are its caller's.
func (c call) elements(list ast.Expr) ([]ast.Expr, bool) {
	switch e := list.(type) {
	case *ast.CompositeLit:
		return e.Elts, true
	case *ast.CallExpr:
		if name, ok := e.Fun.(*ast.Ident); !ok || name.Name != "append" {
			return nil, false
		}
		before, ok := c.elements(e.Args[0])
		if !e.Ellipsis.IsValid() {
			return append(slices.Clone(before), e.Args[1:]...), ok
		}
		after, both := c.elements(e.Args[1])
		return append(slices.Clone(before), after...), ok && both
	case *ast.Ident:
		v := c.pack.TypesInfo.ObjectOf(e)
		if f, ok := c.pack.TypesInfo.Defs[c.in.Name].(*types.Func); ok && c.parameter(f, e) >= 0 {
			return nil, true
		}
		var made []ast.Expr
		found, ok := false, true
		ast.Inspect(c.in, func(n ast.Node) bool {
			to, is := n.(*ast.AssignStmt)
			if !is {
				return true
			}
			for i, left := range to.Lhs {
				name, is := left.(*ast.Ident)
				if !is || c.pack.TypesInfo.ObjectOf(name) != v || i >= len(to.Rhs) {
					continue
				}
				if more, is := to.Rhs[i].(*ast.CallExpr); is && len(more.Args) > 0 && isIdent(more.Args[0], e.Name) && !more.Ellipsis.IsValid() {
					found, made = true, append(made, more.Args[1:]...)
					continue
				}
				part, good := c.elements(to.Rhs[i])
				found, ok, made = true, ok && good, append(made, part...)
			}
			return true
		})
		return made, found && ok
	}
	return nil, false
}

func isIdent(e ast.Expr, name string) bool {
	i, ok := e.(*ast.Ident)
	return ok && i.Name == name
}
