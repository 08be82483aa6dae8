package settings

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/spf13/pflag"

	"github.com/mongogate/mongogate/internal/bucket"
)

// canary is a password that must not be seen anywhere. It has no sign that a URI would escape.
const canary = "hunter2canary"

const goodURI = "mongodb://worker:" + canary + "@db.example.org/?tls=true"

// world is an Outside in a few words.
type world struct {
	args  []string
	env   []string
	yaml  string            // becomes /etc/mongogate.yaml, named by --config
	files map[string]string // a text of "!" may not be read
}

func (w world) outside() (Outside, []string) {
	args := w.args
	files := map[string]string{}
	for k, v := range w.files {
		files[k] = v
	}
	if w.yaml != "" {
		files["/etc/mongogate.yaml"] = w.yaml
		args = append([]string{"--config=/etc/mongogate.yaml"}, args...)
	}
	return Outside{
		Environ:  w.env,
		Hostname: "host1",
		UID:      1000,
		Now:      time.Date(2026, 11, 22, 3, 0, 4, 0, time.UTC),
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			switch {
			case !ok:
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			case text == "!":
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
			}
			return []byte(text), nil
		},
	}, args
}

func (w world) load(t *testing.T, cmd string, hooks ...func(*Outside)) (*Settings, error) {
	t.Helper()
	out, args := w.outside()
	out.CheckURI = func(string) error { return nil } // which would read files of this machine
	for _, h := range hooks {
		h(&out)
	}
	flags := pflag.NewFlagSet(cmd, pflag.ContinueOnError)
	Register(cmd, flags)
	if err := flags.Parse(args); err != nil {
		return nil, FlagError(cmd, flags, err)
	}
	return Load(cmd, flags, out)
}

// plain are the settings without which run does not start.
func plain(env ...string) []string {
	return append([]string{"MONGOGATE_URI=" + goodURI, "MONGOGATE_KEY=reports"}, env...)
}

func TestDefaults(t *testing.T) {
	s, err := world{env: plain()}.load(t, "run")
	if err != nil {
		t.Fatal(err)
	}
	if s.Database != "mongolock" || s.Collection != "lock" || s.TTL != 30*time.Second || s.Heartbeat != 0 || s.Timeout != 0 ||
		s.IfHeld != Wait || s.OnFailure != Release || s.OnLoss != Exit || !s.ChangeStream || s.NoOverlap || s.Timezone != time.UTC ||
		s.StateDir != "/tmp/mongogate-1000" || s.ProbeAddress != None || s.MetricsAddress != None || s.Owner != "host1" ||
		s.Retention != bucket.DefaultRetention || s.LogFormat != "text" || s.Readiness != Holder {
		t.Errorf("%+v", s)
	}
	if s.URI.Reveal() != goodURI || s.Lock.Key != "reports" || s.Lock.Bucket != "" || len(s.Warnings) != 0 {
		t.Errorf("uri, key %+v, warnings %v", s.Lock, s.Warnings)
	}
}

// Every default is a value that the setting would accept from a user, and every setting has what the reference and the help need.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range table {
		if row.fallback != "" {
			if f := row.set(new(Settings), row.fallback); f != nil {
				t.Errorf("%s: default %q: %s", row.name, row.fallback, f.Message)
			}
		}
		if seen[row.name] || row.usage == "" || row.kind() == "" || len(row.commands) == 0 {
			t.Errorf("%s: twice, or without usage, kind or commands", row.name)
		}
		seen[row.name] = true
		if !slices.Contains(row.commands, "doctor") && row.name != "output" {
			t.Errorf("%s: doctor does not print it", row.name)
		}
	}
	if !seen["uri"] || len(seen) != len(slices.Concat(chapterRows()...)) {
		t.Errorf("%d settings, and %d in the reference", len(seen), len(slices.Concat(chapterRows()...)))
	}
}

func chapterRows() (all [][]setting) {
	for _, c := range chapters {
		all = append(all, c.rows)
	}
	return all
}

func TestPrecedenceAndSources(t *testing.T) {
	const file = "database: fromFile\nkillBudget: 8s\nttl: 50s\n"
	for _, c := range []struct {
		why  string
		w    world
		want string // database and where it came from
	}{
		{"default", world{env: plain()}, "mongolock default"},
		{"file", world{env: plain(), yaml: file}, "fromFile /etc/mongogate.yaml:1"},
		{"variable over file", world{env: plain("MONGOGATE_DATABASE=fromVariable"), yaml: file}, "fromVariable variable MONGOGATE_DATABASE"},
		{"empty variable", world{env: plain("MONGOGATE_DATABASE="), yaml: file}, "fromFile /etc/mongogate.yaml:1"},
		{"flag over all", world{env: plain("MONGOGATE_DATABASE=fromVariable"), yaml: file, args: []string{"--database", "fromFlag"}}, "fromFlag flag --database"},
		{"last flag", world{env: plain(), args: []string{"--database", "a", "--database", "b"}}, "b flag --database"},
		{"file by variable", world{env: plain("MONGOGATE_CONFIG=/x.yaml"), files: map[string]string{"/x.yaml": "\ndatabase: x"}}, "x /x.yaml:2"},
	} {
		s, err := c.w.load(t, "run")
		if err != nil {
			t.Errorf("%s: %v", c.why, err)
			continue
		}
		i := slices.IndexFunc(s.Sources(), func(s Source) bool { return s.Name == "database" })
		src := s.Sources()[i]
		if got := src.Value + " " + src.From; got != c.want || s.Database != src.Value || s.From("database") != src.From {
			t.Errorf("%s: %s (%s), want %s", c.why, got, s.Database, c.want)
		}
	}
	s, err := world{env: plain(), yaml: file}.load(t, "run")
	if err != nil || s.KillBudget != 8*time.Second || s.TTL != 50*time.Second {
		t.Errorf("file: %v, %v, %v", s.KillBudget, s.TTL, err)
	}
}

// The three ways say the same for every setting.
func TestEverySettingInThreeWays(t *testing.T) {
	example := func(row setting) string {
		switch row.kind() {
		case "bool":
			return map[string]string{"true": "false", "false": "true"}[row.fallback]
		case "duration":
			if row.name == "operation-timeout" || row.name == "kill-after" { // the sums have to add up
				return "3s"
			}
			return "11s"
		case "list":
			return append(slices.Clone(row.oneOf), "x")[0]
		}
		if len(row.oneOf) > 0 {
			return row.oneOf[len(row.oneOf)-1]
		}
		known := map[string]string{
			"uri": goodURI, "bucket": "1h", "timezone": "Asia/Kathmandu", "completion-index": "4", "state-dir": "/s",
			"probe-address": "unix:/p", "metrics-address": ":9090", "job-name": "x-29921940",
			"kube-label": "example.org/holder", "tls-ca-file": "ca",
		}
		if v, ok := known[row.name]; ok {
			return v
		}
		return "x"
	}
	files := map[string]string{"x": goodURI, "ca": authority(t)}
	for _, row := range table {
		if row.name == "config" {
			continue
		}
		text := example(row)
		if row.name == "retention" {
			text = "30d"
		}
		if row.name == "stop-signal" {
			text = "SIGUSR1"
		}
		for way, w := range map[string]world{
			"flag":     {args: []string{"--" + row.name + "=" + text}},
			"variable": {env: []string{row.variable() + "=" + text}},
			"file":     {yaml: row.key() + ": \"" + text + "\"\n"},
		} {
			if row.secret() && way == "flag" {
				continue
			}
			w.files = files
			if row.name != "uri" && row.name != "uri-file" {
				w.env = append(w.env, "MONGOGATE_URI="+goodURI)
			}
			if slices.Contains([]string{"on-failure", "no-overlap", "retention", "starting-deadline", "timezone"}, row.name) {
				w.env = append(w.env, "MONGOGATE_BUCKET=1h")
			}
			if row.name == "idle-release" {
				w.env = append(w.env, "MONGOGATE_PROTECTION=follow")
			}
			if row.name == "kube-owner" {
				w.env = append(w.env, "MONGOGATE_JOB_NAME=x-29921940")
			}
			if row.name != "key" && row.name != "name" && row.name != "namespace" && row.name != "job" {
				w.env = append(w.env, "MONGOGATE_KEY=k")
			} else if row.name != "key" {
				w.args = append(w.args, "--namespace=n", "--name=n")
				if row.name == "namespace" || row.name == "name" {
					w.args = slices.DeleteFunc(w.args, func(a string) bool { return a == "--"+row.name+"=n" })
				}
			}
			cmd := row.commands[0]
			if slices.Contains(row.commands, "run") {
				cmd = "run"
			}
			s, err := w.load(t, cmd)
			if err != nil {
				t.Errorf("%s by %s: %v", row.name, way, err)
				continue
			}
			got, want := s, new(Settings)
			if f := row.set(want, text); f != nil {
				t.Fatalf("%s: example %q: %s", row.name, text, f.Message)
			}
			if g, w := printed(row.field(got)), printed(row.field(want)); g != w || !strings.Contains(s.From(row.name), way) && way != "file" || way == "file" && !strings.HasPrefix(s.From(row.name), "/etc/mongogate.yaml:1") {
				t.Errorf("%s by %s: %s from %s, want %s", row.name, way, g, s.From(row.name), w)
			}
		}
	}
}

func TestURIFile(t *testing.T) {
	files := map[string]string{"/run/uri": "  " + goodURI + "\n"}
	key := "MONGOGATE_KEY=k"
	for _, w := range []world{
		{env: []string{key, "MONGOGATE_URI_FILE=/run/uri"}, files: files},
		{env: []string{key, "MONGOGATE_URI=mongodb://other"}, args: []string{"--uri-file=/run/uri"}, files: files},
		{env: []string{key}, yaml: "uri: mongodb://other\n", args: []string{"--uri-file=/run/uri"}, files: files},
		{env: []string{key, "MONGOGATE_URI=" + goodURI}, yaml: "uriFile: /none\n"},
	} {
		s, err := w.load(t, "run")
		if err != nil || s.URI.Reveal() != goodURI {
			t.Errorf("%v: %v", w, err)
			continue
		}
		for _, src := range s.Sources() {
			if strings.Contains(src.Value+src.From, canary) {
				t.Errorf("source of %s shows the password", src.Name)
			}
		}
	}
}

func TestUnencryptedConnectionsAreWarnedOf(t *testing.T) {
	for uri, want := range map[string]bool{
		"mongodb://u:p@db.example.org/":                 true,
		"mongodb://localhost,db2/":                      true,
		"mongodb://10.0.0.1:27017":                      true,
		"mongodb+srv://db.example.org/?tls=false":       true,
		"mongodb+srv://db.example.org/":                 false,
		"mongodb://db.example.org/?tls=true":            false,
		"mongodb://db.example.org/?ssl=true&w=majority": false,
		"mongodb://localhost:27017,127.0.0.1,[::1]:1/":  false,
		"mongodb://%2Ftmp%2Fmongodb.sock/":              false,
	} {
		s, err := world{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI=" + uri}}.load(t, "run")
		if err != nil || (len(s.Warnings) == 1) != want {
			t.Errorf("%s: %v, warnings %v, want %v", uri, err, s.Warnings, want)
		}
	}
}

func TestFollowerNeedsNoDatabase(t *testing.T) {
	if _, err := (world{args: []string{"--follow", "--key=k"}}).load(t, "run"); err != nil {
		t.Error(err)
	}
}

// Every sum that does not add up is a problem of its own, with where the value came from.
func TestEachSumIsAProblem(t *testing.T) {
	_, err := world{env: plain("MONGOGATE_TTL=20s", "MONGOGATE_KILL_BUDGET=10s", "MONGOGATE_KILL_AFTER=9s")}.load(t, "run")
	var e *Error
	if !errors.As(err, &e) || len(e.Problems) != 2 {
		t.Fatalf("%v", err)
	}
	for i, field := range []string{"ttl", "kill-after"} {
		if p := e.Problems[i]; p.Field != field || p.Source != "variable MONGOGATE_"+strings.ToUpper(strings.ReplaceAll(field, "-", "_")) || p.Remedy == "" {
			t.Errorf("%+v", p)
		}
	}
}
