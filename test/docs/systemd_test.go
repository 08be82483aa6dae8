//go:build linux

package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// unit is a systemd unit: keys by section, each with all its values.
type unit map[string]map[string][]string

func parseUnit(t *testing.T, text string) (name string, u unit) {
	t.Helper()
	u = unit{}
	section := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		key, value, isSetting := strings.Cut(line, "=")
		switch {
		case line == "":
		case strings.HasPrefix(line, "#"):
			if name == "" {
				name = filepath.Base(strings.TrimSpace(line[1:]))
			}
		case strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			section = line[1 : len(line)-1]
			u[section] = map[string][]string{}
		case isSetting && section != "":
			u[section][key] = append(u[section][key], value)
		default:
			t.Fatalf("not a line of a unit: %q", line)
		}
	}
	return name, u
}

// TestSystemdUnits has systemd read every marked unit, where it is installed,
// and runs what services start as systemd would: no shell, their own environment only.
func TestSystemdUnits(t *testing.T) {
	for page, blocks := range marked(t, "test: systemd", "ini", 3) {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t, "systemd_"+page)
			moved, ran := p.moved(t)
			var files []string
			for _, b := range blocks {
				name, u := parseUnit(t, b.text)
				file := filepath.Join(p.dir, name)
				must.Do(t, os.WriteFile(file, []byte(moved.Replace(b.text)), 0o600))
				files = append(files, file)
				if strings.HasSuffix(name, ".service") {
					before := len(ran(t))
					said, code := p.start(t, u, moved)
					if code != 0 || len(ran(t)) != before+1 {
						t.Errorf("%s: exit code %d, ran %v\n%s", name, code, ran(t), said)
					}
				} else if u["Timer"]["OnCalendar"] == nil {
					t.Errorf("%s: neither a service nor a timer", name)
				}
			}
			if analyze, err := exec.LookPath("systemd-analyze"); err == nil {
				said, code := p.run(t, analyze, append([]string{"verify", "--man=no"}, files...)...)
				if code != 0 || strings.Contains(said, p.dir) {
					t.Errorf("systemd-analyze verify: exit code %d\n%s", code, said)
				}
			} else {
				t.Log("there is no systemd-analyze: the units were read by us only")
			}
		})
	}
}

// start runs ExecStart.
func (p place) start(t *testing.T, u unit, moved *strings.Replacer) (string, int) {
	t.Helper()
	service := u["Service"]
	expand := func(value string) string {
		value = strings.NewReplacer("%t", p.dir, "%%", "\x00").Replace(value)
		if strings.ContainsAny(value, `%"'\`) {
			t.Errorf("%q: what systemd makes of it is not known here", value)
		}
		return moved.Replace(strings.ReplaceAll(value, "\x00", "%"))
	}
	env := []string{"PATH=/usr/local/bin:/usr/bin:/bin", "MONGOGATE_DATABASE=docs_systemd"}
	for _, v := range service["Environment"] {
		env = append(env, expand(v))
	}
	for _, file := range service["EnvironmentFile"] {
		b := must.Get(os.ReadFile(moved.Replace(file)))(t)
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				env = append(env, line)
			}
		}
	}
	// The state directory is one that systemd makes.
	for _, dir := range service["RuntimeDirectory"] {
		if !slices.Contains(env, "MONGOGATE_STATE_DIR="+filepath.Join(p.dir, dir)) {
			t.Errorf("the state directory is not RuntimeDirectory=%s: %q", dir, env)
		}
		must.Do(t, os.Mkdir(filepath.Join(p.dir, dir), 0o755))
	}
	if len(service["RuntimeDirectory"]) != 1 || len(service["ExecStart"]) != 1 {
		t.Fatalf("want one RuntimeDirectory and one ExecStart: %q", service)
	}
	words := strings.Fields(expand(service["ExecStart"][0]))
	p.env = env
	return p.run(t, words[0], words[1:]...)
}
