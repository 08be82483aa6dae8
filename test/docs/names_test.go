//go:build linux

package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/internal/settings"
)

// foreign are flags of other programs, which the documents may name.
var foreign = map[string]string{
	"all":            "skopeo",
	"build-arg":      "docker",
	"field-selector": "kubectl get",
	"force":          "kubectl delete",
	"from":           "kubectl create job",
	"from-file":      "kubectl create secret",
	"kube-version":   "helm template",
	"boottime":       "unshare",
	"env":            "kubectl debug",
	"fork":           "unshare",
	"load":           "docker buildx",
	"previous":       "kubectl logs",
	"replicas":       "kubectl scale",
	"sync-on-commit": "SecantusDB",
	"tag":            "docker",
	"time":           "unshare",
	"wait":           "helm",
}

// told are variables of ours that are no settings.
var told = []string{
	"MONGOGATE_TOKEN", "MONGOGATE_DEADLINE", "MONGOGATE_HOLDER", "MONGOGATE_LEASE_FILE", "MONGOGATE_HELD",
	"MONGOGATE_TEST_URI", "MONGOGATE_MONGOD", "MONGOGATE_CACHE",
	"MONGOGATE_WORKLOAD",
	"MONGOGATE_SPARED",
}

var (
	flagName   = regexp.MustCompile("(?:^|[\\s`(])--([a-z][a-z-]*[a-z])")
	helpFlag   = regexp.MustCompile(`(?m)^\s+(?:-[a-z], )?--([a-z][a-z-]+)`)
	variable   = regexp.MustCompile(`\bMONGOGATE_[A-Z_]*[A-Z]\b`)
	code       = regexp.MustCompile("`[^`\n]+`")
	invocation = regexp.MustCompile(`\bmongogate ([a-z][a-z-]*)([^\n` + "`" + `|;&]*)`)
	target     = regexp.MustCompile(`\bmake ([a-z][a-z0-9-]*)`)
	helpName   = regexp.MustCompile(`(?m)^  ([a-z][a-z-]+) +[A-Z]`)
)

// TestNamedFlagsExist: what the documents call a flag is one, and a command line has only flags of its subcommand.
func TestNamedFlagsExist(t *testing.T) {
	p := newPlace(t, "names")
	root, _ := p.mongogate(t, "--help")
	flags, all := map[string][]string{}, []string{"help", "version"}
	for _, m := range helpName.FindAllStringSubmatch(root, -1) {
		said, code := p.mongogate(t, m[1], "--help")
		if code != 0 {
			t.Fatalf("mongogate %s --help: exit code %d\n%s", m[1], code, said)
		}
		flags[m[1]] = []string{"help"}
		for _, f := range helpFlag.FindAllStringSubmatch(said, -1) {
			flags[m[1]], all = append(flags[m[1]], f[1]), append(all, f[1])
		}
	}
	if len(flags) < 14 || len(all) < 100 {
		t.Fatalf("the help texts name %d commands and %d flags", len(flags), len(all))
	}
	named, lines := 0, 0
	for _, page := range pages(t) {
		for _, m := range flagName.FindAllStringSubmatch(page.text, -1) {
			named++
			if _, other := foreign[m[1]]; !other && !slices.Contains(all, m[1]) {
				t.Errorf("%s: there is no flag --%s", page.name, m[1])
			}
		}
		for _, text := range codeOf(page) {
			for _, m := range invocation.FindAllStringSubmatch(text, -1) {
				lines++
				own, ok := flags[m[1]]
				if !ok {
					t.Errorf("%s: there is no command mongogate %s", page.name, m[1])
					continue
				}
				ours, _, _ := strings.Cut(m[2]+" ", " -- ")
				for _, f := range flagName.FindAllStringSubmatch(ours, -1) {
					if !slices.Contains(own, f[1]) {
						t.Errorf("%s: mongogate %s has no flag --%s", page.name, m[1], f[1])
					}
				}
			}
		}
	}
	if named < 120 || lines < 40 {
		t.Errorf("only %d flags and %d command lines were looked at", named, lines)
	}
}

// codeOf is what a page shows as code.
func codeOf(p page) []string {
	var all []string
	for _, b := range p.blocks {
		all = append(all, b.text)
	}
	return append(all, code.FindAllString(fenced.ReplaceAllString(p.text, ""), -1)...)
}

func TestNamedVariablesExist(t *testing.T) {
	known := append(settings.Variables(), told...)
	named := 0
	for _, p := range pages(t) {
		for _, name := range variable.FindAllString(p.text, -1) {
			named++
			if !slices.Contains(known, name) {
				t.Errorf("%s: there is no variable %s", p.name, name)
			}
		}
	}
	if named < 80 {
		t.Errorf("only %d variables were looked at", named)
	}
}

// TestEverySubcommandIsInTheReadme: and in the list of changes.
func TestEverySubcommandIsInTheReadme(t *testing.T) {
	p := newPlace(t, "subcommands")
	help, _ := p.mongogate(t, "--help")
	for _, name := range []string{"README.md", "CHANGELOG.md"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range helpName.FindAllStringSubmatch(help, -1) {
			if m[1] != "help" && !regexp.MustCompile("`(mongogate )?"+m[1]+"\\b|mongogate "+m[1]+"\\b").Match(text) {
				t.Errorf("%s does not name the command %s", name, m[1])
			}
		}
	}
}

func TestNamedMakeTargetsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, p := range pages(t) {
		for _, text := range codeOf(p) {
			for _, m := range target.FindAllStringSubmatch(text, -1) {
				named++
				if !strings.Contains("\n"+string(makefile), "\n"+m[1]+":") {
					t.Errorf("%s: there is no make %s", p.name, m[1])
				}
			}
		}
	}
	if named < 15 {
		t.Errorf("only %d targets were looked at", named)
	}
}
