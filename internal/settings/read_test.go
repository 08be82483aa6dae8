//go:build linux

package settings

import (
	"fmt"
	"go/types"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/go/packages"
	"golang.org/x/tools/go/ssa"
	"golang.org/x/tools/go/ssa/ssautil"
)

const module = "github.com/mongogate/mongogate/"

// elsewhere are settings that Load itself obeys, and how. It is the same for every command.
var elsewhere = map[string]string{
	"config":            "names the file that is read",
	"uri-file":          "becomes the URI",
	"pod-labels":        "names the file that labels are read from",
	"starting-deadline": "retention is checked against it",
	"tls-ca-file":       "becomes a part of the URI",
}

// here are settings of one command that Load obeys.
var here = map[[2]string]string{
	{"sidecar", "readiness"}: "candidate is refused, for a sidecar that waits is never ready",
	{"probe", "state-dir"}:   "the default of probe-address is in it",
}

// ofTheKey are what Load makes the key of a gate from.
var ofTheKey = []string{"key", "bucket", "timezone", "job", "name", "manual", "completion-index"}

// TestEverySettingIsRead: a command that accepts a setting reads it somewhere
// behind its flags. An option that is accepted and ignored is a fault: a
// --expect-store that nobody looked at let the wrong holder be revoked.
func TestEverySettingIsRead(t *testing.T) {
	fields := fieldsOfSettings(t)
	prog := loadProgram(t)
	pairs := 0
	makers := prog.makers()
	for maker, command := range makers {
		read := prog.reads(maker)
		for _, row := range table {
			switch {
			case !row.has(command):
			case command == "doctor": // shows each with its origin
				pairs++
			case elsewhere[row.name] != "" || here[[2]string{command, row.name}] != "":
				pairs++
			case slices.Contains(ofTheKey, row.name) && read["Lock"]:
				pairs++
			case read[fields[row.name]]:
				pairs++
			default:
				t.Errorf("%s accepts --%s, and nothing behind it reads Settings.%s", maker.Name(), row.name, fields[row.name])
			}
		}
	}
	fmt.Printf("cases: %d pairs of command and setting, each read\n", pairs)
	for _, row := range table {
		for _, c := range row.commands {
			if !slices.Contains(slices.Collect(maps.Values(makers)), c) {
				t.Errorf("command %s has --%s and is not looked at", c, row.name)
			}
		}
	}
}

// fieldsOfSettings gives the name of the field behind each setting.
func fieldsOfSettings(t *testing.T) map[string]string {
	t.Helper()
	names := map[string]string{}
	for _, row := range table {
		s := new(Settings)
		at := reflect.ValueOf(row.field(s)).Pointer()
		v := reflect.ValueOf(s).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Addr().Pointer() == at && f.Addr().Type() == reflect.TypeOf(row.field(s)) {
				names[row.name] = v.Type().Field(i).Name
			}
		}
		if names[row.name] == "" {
			t.Fatalf("no field of --%s", row.name)
		}
	}
	return names
}

// program is the module's own code; what it imports is not followed.
type program struct {
	*ssa.Program
	methods []*ssa.Function // with a receiver, of the module
}

func loadProgram(t *testing.T) *program {
	t.Helper()
	cfg := &packages.Config{Mode: packages.LoadAllSyntax&^packages.NeedDeps | packages.NeedImports}
	pkgs, err := packages.Load(cfg, module+"cmd/...", module+"internal/...", module+"pkg/...")
	if err != nil || packages.PrintErrors(pkgs) > 0 {
		t.Fatal("loading the module: ", err)
	}
	prog, _ := ssautil.Packages(pkgs, ssa.InstantiateGenerics)
	prog.Build()
	p := &program{Program: prog}
	for f := range ssautil.AllFunctions(prog) {
		if f.Signature.Recv() != nil && ours(f) {
			p.methods = append(p.methods, f)
		}
	}
	return p
}

func ours(f *ssa.Function) bool {
	return f.Package() != nil && strings.HasPrefix(f.Package().Pkg.Path(), module)
}

// makers are the functions that make the subcommands with settings, newRun and others, each with the command whose settings it has.
func (p *program) makers() map[*ssa.Function]string {
	all := map[*ssa.Function]string{}
	for _, in := range p.AllPackages() {
		if in.Pkg.Path() != module+"cmd/sidecar" {
			continue
		}
		for name, member := range in.Members {
			f, ok := member.(*ssa.Function)
			if !ok || !strings.HasPrefix(name, "new") || !calls(f, "command") && !calls(f, "onKey") {
				continue
			}
			all[f] = strings.ToLower(strings.TrimPrefix(words.ReplaceAllString(strings.TrimPrefix(name, "new"), "-$0"), "-"))
			if calls(f, "onKey") || saysView(f) {
				all[f] = View
			}
		}
	}
	return all
}

var words = regexp.MustCompile("[A-Z]")

func calls(f *ssa.Function, name string) bool {
	return anyOfCode(f, func(in ssa.Instruction) bool {
		c, ok := in.(ssa.CallInstruction)
		return ok && c.Common().StaticCallee() != nil && c.Common().StaticCallee().Name() == name
	})
}

// saysView: what f says about its command names the settings of a view.
func saysView(f *ssa.Function) bool {
	return anyOfCode(f, func(in ssa.Instruction) bool {
		s, ok := in.(*ssa.Store)
		if !ok {
			return false
		}
		at, ok := s.Addr.(*ssa.FieldAddr)
		value, constant := s.Val.(*ssa.Const)
		if !ok || !constant {
			return false
		}
		_, field := fieldOf(at)
		return field == "settings" && value.Value != nil && value.Value.ExactString() == strconv.Quote(View)
	})
}

func anyOfCode(f *ssa.Function, is func(ssa.Instruction) bool) bool {
	return slices.ContainsFunc(f.Blocks, func(b *ssa.BasicBlock) bool { return slices.ContainsFunc(b.Instrs, is) })
}

// reads are the fields of Settings that anything reachable from f reads. Load,
// which reads them all to check them, is no reader.
func (p *program) reads(f *ssa.Function) map[string]bool {
	read, seen := map[string]bool{}, map[*ssa.Function]bool{}
	todo := []*ssa.Function{f}
	visit := func(f *ssa.Function) {
		if f != nil && !seen[f] && ours(f) && (f.Name() != "Load" || !strings.HasSuffix(f.Package().Pkg.Path(), "internal/settings")) {
			seen[f] = true
			todo = append(todo, f)
		}
	}
	for len(todo) > 0 {
		f := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, b := range f.Blocks {
			for _, in := range b.Instrs {
				if at, ok := in.(*ssa.FieldAddr); ok && !onlyWritten(at) {
					if s, name := fieldOf(at); s == module+"internal/settings.Settings" {
						read[name] = true
					}
				}
				if at, ok := in.(*ssa.Field); ok {
					if s, ok := at.X.Type().(*types.Named); ok && s.String() == module+"internal/settings.Settings" {
						read[s.Underlying().(*types.Struct).Field(at.Field).Name()] = true
					}
				}
				for _, operand := range in.Operands(nil) {
					if g, ok := (*operand).(*ssa.Function); ok {
						visit(g)
					}
				}
				if call, ok := in.(ssa.CallInstruction); ok && call.Common().IsInvoke() {
					for _, m := range p.methods {
						if m.Name() == call.Common().Method.Name() && types.Implements(m.Signature.Recv().Type(), call.Common().Value.Type().Underlying().(*types.Interface)) {
							visit(m)
						}
					}
				}
			}
		}
	}
	return read
}

func fieldOf(at *ssa.FieldAddr) (structure, field string) {
	p, ok := at.X.Type().Underlying().(*types.Pointer)
	if !ok {
		return "", ""
	}
	s, ok := p.Elem().Underlying().(*types.Struct)
	if !ok {
		return "", ""
	}
	return p.Elem().String(), s.Field(at.Field).Name()
}

// onlyWritten: the address is taken for assignments alone.
func onlyWritten(at *ssa.FieldAddr) bool {
	return !slices.ContainsFunc(*at.Referrers(), func(in ssa.Instruction) bool {
		store, ok := in.(*ssa.Store)
		return !ok || store.Addr != ssa.Value(at)
	})
}
