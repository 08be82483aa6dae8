package main

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// activeVariable names the mutant that is in force in a program that was compiled with all of them.
const activeVariable = "HACK_MUTANT"

// schemata is the tree with many mutants compiled in at once, each as a variant of the
// functions that it changes, of which activeVariable chooses. Compiling is most of what a mutant costs.
type schemata struct {
	root, dir string
	overlay   string // what go build takes
	within    map[string]bool
	files     map[string]*file
}

// file is one that mutants change.
type file struct {
	path     string
	text     string
	funcs    map[string]*ast.FuncDecl
	base     token.Pos
	variants []variant
	compiled string // the path of what is compiled
	spans    []span // of the variants, in that
}

type variant struct{ mutant, function, text string }

type span struct {
	mutant      string
	first, last int
}

// newSchemata takes the mutants that change nothing but bodies of functions. Those that do not compile beside the others are left out, as are those of charts.
func newSchemata(ctx context.Context, root, dir string, all []mutant) (*schemata, error) {
	s := &schemata{root: root, dir: dir, within: map[string]bool{}, files: map[string]*file{}}
	for _, m := range all {
		if m.aboutCharts() {
			continue
		}
		changed, err := m.changed(root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		if err := s.add(m.name, changed); err != nil {
			return nil, err
		}
	}
	for {
		if err := s.write(); err != nil {
			return nil, err
		}
		bad, out, err := s.compile(ctx)
		if err == nil {
			return s, nil
		}
		if len(bad) == 0 {
			return nil, fmt.Errorf("all mutants in one do not compile: %w\n%s", err, head(out))
		}
		for name := range bad {
			fmt.Printf("by itself %s\n", name)
			s.drop(name)
		}
	}
}

// add takes a mutant whose files are changed like this, unless it changes more than bodies.
func (s *schemata) add(name string, changed map[string]string) error {
	type found struct {
		in       *file
		variants []variant
	}
	var all []found
	for path, text := range changed {
		f := s.files[path]
		if f == nil {
			b, err := os.ReadFile(path)
			if err != nil {
				return fmt.Errorf("reading what is changed: %w", err)
			}
			f = &file{path: path, text: string(b)}
			if f.funcs, f.base, err = functions(f.text); err != nil {
				return err
			}
			s.files[path] = f
		}
		funcs, base, err := functions(text)
		if err != nil {
			return nil //nolint:nilerr // it does not compile, which is found when it is tried by itself
		}
		if rest(f.text, f.funcs, f.base) != rest(text, funcs, base) {
			return nil
		}
		var variants []variant
		for _, key := range slices.Sorted(maps.Keys(funcs)) {
			is, was := funcs[key], f.funcs[key]
			if was == nil || cut(text, base, is.Pos(), is.Body.Lbrace) != cut(f.text, f.base, was.Pos(), was.Body.Lbrace) {
				return nil
			}
			if cut(text, base, is.Pos(), is.End()) == cut(f.text, f.base, was.Pos(), was.End()) {
				continue
			}
			if is.Name.Name == "init" || is.Type.TypeParams != nil || strings.Contains(key, "[") {
				return nil
			}
			variants = append(variants, variant{name, key, cut(text, base, is.Pos(), is.Name.Pos()) + is.Name.Name + suffix(name) + cut(text, base, is.Name.End(), is.End())})
		}
		all = append(all, found{f, variants})
	}
	for _, x := range all {
		x.in.variants = append(x.in.variants, x.variants...)
	}
	s.within[name] = true
	return nil
}

func (s *schemata) drop(name string) {
	delete(s.within, name)
	for _, f := range s.files {
		f.variants = slices.DeleteFunc(f.variants, func(v variant) bool { return v.mutant == name })
	}
}

// write puts the variants into the files of an overlay.
func (s *schemata) write() error {
	replace := map[string]string{}
	put := func(path, text string) error {
		mutated := filepath.Join(s.dir, fmt.Sprintf("%d.go", len(replace)))
		replace[path] = mutated
		return os.WriteFile(mutated, []byte(text), 0o600)
	}
	for _, path := range slices.Sorted(maps.Keys(s.files)) {
		f := s.files[path]
		if len(f.variants) == 0 {
			continue
		}
		if err := put(path, f.together()); err != nil {
			return fmt.Errorf("writing the mutants: %w", err)
		}
		f.compiled = replace[path]
		name, err := parser.ParseFile(token.NewFileSet(), path, f.text, parser.PackageClauseOnly)
		if err != nil {
			return fmt.Errorf("writing the mutants: %w", err)
		}
		chosen := filepath.Join(filepath.Dir(path), "zz_mutants.go")
		if replace[chosen] == "" {
			if err := put(chosen, fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar activeMutant = os.Getenv(%q)\n", name.Name.Name, activeVariable)); err != nil {
				return fmt.Errorf("writing the mutants: %w", err)
			}
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return fmt.Errorf("writing the mutants: %w", err)
	}
	s.overlay = filepath.Join(s.dir, "overlay.json")
	return os.WriteFile(s.overlay, b, 0o600)
}

// together is the file with its variants, and with functions that choose among them.
func (f *file) together() string {
	of := map[string][]string{}
	for _, v := range f.variants {
		of[v.function] = append(of[v.function], v.mutant)
	}
	text, end := "", len(f.text)
	keys := slices.SortedFunc(maps.Keys(of), func(a, b string) int { return int(f.funcs[b].Pos() - f.funcs[a].Pos()) })
	var choosing strings.Builder
	for _, key := range keys {
		fn := f.funcs[key]
		at := int(fn.Name.End() - f.base)
		text, end = "__original"+f.text[at:end]+text, at
		choosing.WriteString(f.choose(fn, of[key]))
	}
	text = f.text[:end] + text + "\n" + choosing.String()
	f.spans = nil
	for _, v := range f.variants {
		first := strings.Count(text, "\n") + 1
		text += v.text + "\n"
		f.spans = append(f.spans, span{v.mutant, first, strings.Count(text, "\n")})
	}
	return text
}

// choose is the function in whose place the original and its variants are.
func (f *file) choose(fn *ast.FuncDecl, mutants []string) string {
	text := func(n ast.Node) string { return cut(f.text, f.base, n.Pos(), n.End()) }
	var b strings.Builder
	b.WriteString("func ")
	call := ""
	if fn.Recv != nil {
		self := "self"
		if n := fn.Recv.List[0].Names; len(n) > 0 && n[0].Name != "_" {
			self = n[0].Name
		}
		call = self + "."
		fmt.Fprintf(&b, "(%s %s) ", self, text(fn.Recv.List[0].Type))
	}
	var params, args []string
	for _, field := range fn.Type.Params.List {
		names := field.Names
		if len(names) == 0 {
			names = []*ast.Ident{ast.NewIdent("_")}
		}
		for _, n := range names {
			name := n.Name
			if name == "_" {
				name = fmt.Sprintf("arg%d", len(params))
			}
			params = append(params, name+" "+text(field.Type))
			if _, many := field.Type.(*ast.Ellipsis); many {
				name += "..."
			}
			args = append(args, name)
		}
	}
	results, give, after := "", "", "\n\t\treturn"
	if fn.Type.Results != nil {
		results, give, after = " "+text(fn.Type.Results), "return ", ""
	}
	list := strings.Join(args, ", ")
	fmt.Fprintf(&b, "%s(%s)%s {\n\tswitch activeMutant {\n", fn.Name.Name, strings.Join(params, ", "), results)
	for _, m := range mutants {
		fmt.Fprintf(&b, "\tcase %q:\n\t\t%s%s%s%s(%s)%s\n", m, give, call, fn.Name.Name, suffix(m), list, after)
	}
	fmt.Fprintf(&b, "\t}\n\t%s%s%s__original(%s)\n}\n\n", give, call, fn.Name.Name, list)
	return b.String()
}

var place = regexp.MustCompile(`(?m)^(?:vet: )?(\S+\.go):(\d+):`)

// compile builds all packages that are changed. Of those variants that do not compile it gives the mutants.
func (s *schemata) compile(ctx context.Context) (bad map[string]bool, out string, err error) {
	packages := map[string]bool{}
	for path, f := range s.files {
		if len(f.variants) > 0 {
			packages["./"+strings.TrimPrefix(filepath.Dir(path), s.root+"/")] = true
		}
	}
	if len(packages) == 0 {
		return nil, "", nil
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-o", os.DevNull, "-overlay", s.overlay}, slices.Sorted(maps.Keys(packages))...)...)
	cmd.Dir = s.root
	b, err := cmd.CombinedOutput()
	bad = map[string]bool{}
	for _, m := range place.FindAllStringSubmatch(string(b), -1) {
		line, _ := strconv.Atoi(m[2])
		for _, f := range s.files {
			if !strings.HasSuffix(m[1], "/"+filepath.Base(f.compiled)) || f.compiled == "" {
				continue
			}
			for _, at := range f.spans {
				if at.first <= line && line <= at.last {
					bad[at.mutant] = true
				}
			}
		}
	}
	return bad, string(b), err
}

func suffix(mutant string) string { return "__" + strings.ReplaceAll(mutant, "-", "_") }

// functions are those of a file with a body, by receiver and name; the base is the position of its first byte.
func functions(text string) (map[string]*ast.FuncDecl, token.Pos, error) {
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, "x.go", text, parser.SkipObjectResolution)
	if err != nil {
		return nil, 0, fmt.Errorf("parsing: %w", err)
	}
	all := map[string]*ast.FuncDecl{}
	for _, d := range parsed.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Body == nil {
			continue
		}
		key := fn.Name.Name
		if fn.Recv != nil {
			key = cut(text, parsed.FileStart, fn.Recv.List[0].Type.Pos(), fn.Recv.List[0].Type.End()) + "." + key
		}
		all[key] = fn
	}
	return all, parsed.FileStart, nil
}

// rest is what is left of a file without its functions.
func rest(text string, funcs map[string]*ast.FuncDecl, base token.Pos) string {
	order := slices.SortedFunc(maps.Values(funcs), func(a, b *ast.FuncDecl) int { return int(a.Pos() - b.Pos()) })
	var left strings.Builder
	at := 0
	for _, fn := range order {
		left.WriteString(text[at:int(fn.Pos()-base)])
		at = int(fn.End() - base)
	}
	return left.String() + text[at:]
}

func cut(text string, base, from, to token.Pos) string { return text[from-base : to-base] }
