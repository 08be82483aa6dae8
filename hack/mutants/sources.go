package main

import (
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// sources are the declarations of all that ships, by the names that an edit may give them.
type sources struct {
	root  string
	decls map[string][]decl
}

// decl is a declaration, or a template of a chart, in the text of its file.
type decl struct {
	*file
	from, to int
	fn       *ast.FuncDecl
}

// file is one with declarations.
type file struct {
	path, text string
	pkg        string // its name
	base       token.Pos
}

// change is an edit in the text of the file where its declaration was found.
type change struct {
	decl
	from, to int
	new      string
}

func readSources(root string) (*sources, error) {
	s := &sources{root, map[string][]decl{}}
	for _, dir := range []string{"cmd", "internal", "pkg"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			return s.readGo(path)
		})
		if err != nil {
			return nil, fmt.Errorf("reading what mutants change: %w", err)
		}
	}
	charts, err := filepath.Glob(filepath.Join(root, "charts/*/templates/*.tpl"))
	for _, path := range charts {
		if err == nil {
			err = s.readChart(path)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading what mutants change: %w", err)
	}
	return s, nil
}

// readGo notes the functions, types, constants and variables of a file that is compiled on Linux.
func (s *sources) readGo(path string) error {
	linux := build.Default
	linux.GOOS = "linux"
	if ok, err := linux.MatchFile(filepath.Split(path)); err != nil || !ok {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	f := &file{path, string(text), parsed.Name.Name, parsed.FileStart}
	note := func(name string, n ast.Node, fn *ast.FuncDecl) {
		d := decl{f, f.offset(n.Pos()), f.offset(n.End()), fn}
		s.decls[name] = append(s.decls[name], d)
		name = filepath.Base(filepath.Dir(path)) + "." + name
		s.decls[name] = append(s.decls[name], d)
	}
	for _, d := range parsed.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok {
			note(receiver(fn)+fn.Name.Name, fn, fn)
			continue
		}
		for _, spec := range d.(*ast.GenDecl).Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				note(spec.Name.Name, spec, nil)
			case *ast.ValueSpec:
				for _, name := range spec.Names {
					note(name.Name, spec, nil)
				}
			}
		}
	}
	return nil
}

// receiver is the type of a method and a dot.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	name := ""
	ast.Inspect(fn.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name + "."
		}
		return name == ""
	})
	return name
}

var define = regexp.MustCompile(`\{\{-? *define "([^"]+)"`)

// readChart notes the templates that a file of a chart defines.
func (s *sources) readChart(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	f, end := &file{path: path, text: string(text)}, len(text)
	for _, at := range slices.Backward(define.FindAllStringSubmatchIndex(f.text, -1)) {
		name := f.text[at[2]:at[3]]
		s.decls[name] = append(s.decls[name], decl{f, at[0], end, nil})
		end = at[0]
	}
	return nil
}

// find gives the place of an edit: the one declaration of that name, and in it the one place with that text.
func (s *sources) find(e edit) (change, error) {
	all := s.decls[e.in]
	if len(all) == 0 {
		return change{}, fmt.Errorf("nothing is declared by the name of %s", e.in)
	}
	d, in := all[0], strings.TrimPrefix(all[0].path, s.root+"/")
	if len(all) > 1 {
		return change{}, fmt.Errorf("%s is declared in %s and in %s: name the package, as in %s.%s",
			e.in, in, strings.TrimPrefix(all[1].path, s.root+"/"), filepath.Base(filepath.Dir(in)), e.in)
	}
	at := d.places(e.old)
	if len(at) != 1 {
		return change{}, fmt.Errorf("%s (%s) has this %d times, want once: %s", e.in, in, len(at), e.old)
	}
	return change{d, d.from + at[0][0], d.from + at[0][1], e.new}, nil
}

// places are where a text begins and ends in the declaration: in Go by its tokens, in a template letter by letter.
func (d decl) places(old string) [][2]int {
	var all [][2]int
	if d.pkg == "" {
		for _, at := range regexp.MustCompile(regexp.QuoteMeta(old)).FindAllStringIndex(d.text[d.from:d.to], -1) {
			all = append(all, [2]int{at[0], at[1]})
		}
		return all
	}
	in, want := tokens(d.text[d.from:d.to]), tokens(old)
	for i := range in {
		part := in[i:min(i+len(want), len(in))]
		if len(want) > 0 && slices.EqualFunc(part, want, func(a, b lexeme) bool { return a.text == b.text }) {
			all = append(all, [2]int{part[0].at, part[len(part)-1].at + len(part[len(part)-1].text)})
		}
	}
	return all
}

// lexeme is a token and its place.
type lexeme struct {
	text string
	at   int
}

// tokens are those of a piece of Go, without what depends on how its lines are broken: space, comments, semicolons, commas before what closes.
func tokens(text string) []lexeme {
	var s scanner.Scanner
	f := token.NewFileSet().AddFile("", -1, len(text))
	s.Init(f, []byte(text), nil, 0)
	var all []lexeme
	for {
		pos, tok, lit := s.Scan()
		if lit == "" {
			lit = tok.String()
		}
		last := len(all) - 1
		switch {
		case tok == token.EOF:
			return all
		case tok == token.SEMICOLON:
			continue
		case last >= 0 && all[last].text == "," && (tok == token.RPAREN || tok == token.RBRACE || tok == token.RBRACK):
			all = all[:last]
		}
		all = append(all, lexeme{lit, f.Offset(pos)})
	}
}

func (f *file) offset(p token.Pos) int { return int(p - f.base) }
