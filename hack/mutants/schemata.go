package main

import (
	"context"
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
	*sources
	dir      string
	within   map[string]bool
	files    map[*file]*variants
	overlay  string            // what go build takes
	compiled map[string]string // of each path, the path of what is compiled
}

// variants are those of a file.
type variants struct {
	*file
	all   []variant
	spans []span // of them, in what is compiled
}

// variant is a function as a mutant has it.
type variant struct {
	decl
	mutant, text string
}

type span struct {
	mutant      string
	first, last int
}

// newSchemata takes the mutants that change nothing but bodies of functions. Those that do not compile beside the others are left out, as are those of charts.
func newSchemata(ctx context.Context, from *sources, dir string, all []mutant) (*schemata, error) {
	s := &schemata{sources: from, dir: dir, within: map[string]bool{}, files: map[*file]*variants{}}
	for _, m := range all {
		changes, err := m.changes(from)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.name, err)
		}
		s.add(m.name, changes)
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

// add takes a mutant with these changes, unless it changes more than bodies.
func (s *schemata) add(name string, changes []change) {
	of := map[*ast.FuncDecl][]change{}
	for _, c := range changes {
		if !c.inBody() {
			return
		}
		of[c.fn] = append(of[c.fn], c)
	}
	var all []variant
	for fn, changes := range of {
		d := changes[0].decl
		named := d.offset(fn.Name.End())
		text := d.text[d.from:named] + suffix(name) + replaced(d.text, named, d.to, changes)
		if _, err := parser.ParseFile(token.NewFileSet(), "", "package x\n"+text, parser.SkipObjectResolution); err != nil {
			return // it does not compile, which is found when it is tried by itself
		}
		all = append(all, variant{d, name, text})
	}
	for _, v := range all {
		if s.files[v.file] == nil {
			s.files[v.file] = &variants{file: v.file}
		}
		s.files[v.file].all = append(s.files[v.file].all, v)
	}
	s.within[name] = true
}

// inBody is true for a change of what a function does, where the function can have a variant beside it.
func (c change) inBody() bool {
	return c.fn != nil && c.fn.Body != nil && c.offset(c.fn.Body.Lbrace) < c.from && c.to < c.offset(c.fn.Body.End()) &&
		c.fn.Name.Name != "init" && c.fn.Type.TypeParams == nil && !strings.Contains(c.text[c.decl.from:c.offset(c.fn.Name.Pos())], "[")
}

func (s *schemata) drop(name string) {
	delete(s.within, name)
	for _, f := range s.files {
		f.all = slices.DeleteFunc(f.all, func(v variant) bool { return v.mutant == name })
	}
}

// write puts the variants into the files of an overlay.
func (s *schemata) write() error {
	texts := map[string]string{}
	for _, f := range s.files {
		if len(f.all) > 0 {
			texts[f.path] = f.together()
			texts[filepath.Join(filepath.Dir(f.path), "zz_mutants.go")] = fmt.Sprintf("package %s\n\nimport \"os\"\n\nvar activeMutant = os.Getenv(%q)\n", f.pkg, activeVariable)
		}
	}
	var err error
	s.overlay, s.compiled, err = overlay(s.dir, texts)
	return err
}

// together is the file with its variants, and with functions that choose among them.
func (f *variants) together() string {
	of := map[*ast.FuncDecl][]string{}
	for _, v := range f.all {
		of[v.fn] = append(of[v.fn], v.mutant)
	}
	var originals []change
	var choosing strings.Builder
	for fn, mutants := range of {
		at := f.offset(fn.Name.End())
		originals = append(originals, change{from: at, to: at, new: "__original"})
		choosing.WriteString(f.choose(fn, mutants))
	}
	text := replaced(f.text, 0, len(f.text), originals) + "\n" + choosing.String()
	f.spans = nil
	for _, v := range f.all {
		first := strings.Count(text, "\n") + 1
		text += v.text + "\n"
		f.spans = append(f.spans, span{v.mutant, first, strings.Count(text, "\n")})
	}
	return text
}

// choose is the function in whose place the original and its variants are.
func (f *variants) choose(fn *ast.FuncDecl, mutants []string) string {
	text := func(n ast.Node) string { return f.text[f.offset(n.Pos()):f.offset(n.End())] }
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
	for _, f := range s.files {
		if len(f.all) > 0 {
			packages["./"+strings.TrimPrefix(filepath.Dir(f.path), s.root+"/")] = true
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
			if at := s.compiled[f.path]; at == "" || !strings.HasSuffix(m[1], "/"+filepath.Base(at)) {
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
