//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/must"
)

// canary is the secret that stands in wrong input; no output may have it, or the half of it.
const (
	canary     = "Kanarienvogel1987"
	halfCanary = "Kanarien"
)

// wrong is one wrong command line, variable, file or connection string.
type wrong struct {
	why   string
	args  []string
	env   []string // overrides the variables of a good world
	yaml  string   // becomes --config
	code  int      // zero: 64
	lines []string // one for each line of the answer, in order: its words, parts between … in order
}

// fewestWrong: the issue asks for sixty.
const fewestWrong = 120

// TestWrongInput: every wrong thing is told with its field and its remedy, all
// of them at once and one a line; the exit code is that of the design; nothing
// is written to the store, nothing secret to any output.
func TestWrongInput(t *testing.T) {
	if len(wrongs) < fewestWrong {
		t.Fatalf("%d cases, want at least %d", len(wrongs), fewestWrong)
	}
	fmt.Printf("cases: %d wrong flags, variables, files and connection strings\n", len(wrongs))
	const database = "cli_wrong"
	dir := t.TempDir()
	for _, c := range wrongs {
		t.Run(c.why, func(t *testing.T) {
			code, stdout, stderr := c.run(t, dir, database)
			want := c.code
			if want == 0 {
				want = settings.ExitUsage
			}
			if code != want {
				t.Errorf("exit code %d, want %d", code, want)
			}
			if stdout != "" {
				t.Errorf("standard output has %q", stdout)
			}
			t.Log(stderr)
			checkLines(t, stderr, c.lines)
			noCanary(t, "the answer", stdout+stderr)
		})
	}
	names, err := rig.client.Database(database).ListCollectionNames(t.Context(), bson.D{})
	if err != nil || len(names) > 0 {
		t.Errorf("collections %v (%v) after wrong input, want none", names, err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "state")); err == nil {
		t.Errorf("wrong input left %v in the state directory", left)
	}
}

// run runs the command in this process.
func (c wrong) run(t *testing.T, dir, database string) (code int, stdout, stderr string) {
	t.Helper()
	env := []string{"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=" + database, "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + filepath.Join(dir, "state")}
	env = append(env, c.env...)
	if c.yaml != "" {
		path := filepath.Join(dir, "gate.yaml")
		must.Do(t, os.WriteFile(path, []byte(c.yaml), 0o600))
		env = append(env, "MONGOGATE_CONFIG="+path)
	}
	return inProcess(t, c.args, env)
}

// inProcess is main in this process.
func inProcess(t *testing.T, args, env []string) (code int, stdout, stderr string) {
	t.Helper()
	out := settings.System()
	out.Environ, out.Hostname = env, "machine"
	errFile := must.Get(os.CreateTemp(t.TempDir(), "stderr"))(t)
	defer errFile.Close()
	var b bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), must.Patience)
	defer cancel()
	code = run(ctx, args, world{World: agent.World{Outside: out, Version: version()}, stdout: &b, stderr: errFile})
	text := must.Get(os.ReadFile(errFile.Name()))(t)
	return code, b.String(), string(text)
}

// checkLines wants one line of the answer for each of lines, in order.
func checkLines(t *testing.T, answer string, lines []string) {
	t.Helper()
	got := strings.Split(strings.TrimSuffix(answer, "\n"), "\n")
	if len(got) != len(lines) {
		t.Errorf("%d lines, want %d:\n%s", len(got), len(lines), answer)
		return
	}
	for i, want := range lines {
		rest, ours := strings.CutPrefix(got[i], "mongogate: ")
		if !ours {
			t.Errorf("line %q does not begin with mongogate:", got[i])
		}
		for part := range strings.SplitSeq(want, "…") {
			_, after, found := strings.Cut(rest, part)
			if !found {
				t.Errorf("line %q does not have %q at its place", got[i], part)
				break
			}
			rest = after
		}
		if !strings.Contains(got[i], "; ") && !strings.Contains(want, "?") {
			t.Errorf("line %q has no remedy", got[i])
		}
	}
}

// noCanary fails where a text has the secret, or half of it.
func noCanary(t *testing.T, what, text string) {
	t.Helper()
	if i := strings.Index(text, halfCanary); i >= 0 {
		t.Errorf("the password is in %s: …%s…", what, text[max(0, i-80):min(len(text), i+40)])
	}
}

// wrongDocument is a document that no gate of this version has written.
type wrongDocument struct {
	why  string
	doc  string // extended JSON, without _id
	code int    // of run --timeout 2s --fail-if-held
	run  string // what run says
	show string // what show prints, as a table
	find string // what doctor says of it, "" for nothing
}

// TestWrongDocuments: what the commands do about documents of others, of
// later versions, and of nobody. None of them is changed by any command that does not win it.
func TestWrongDocuments(t *testing.T) {
	fmt.Printf("cases: %d wrong documents\n", len(wrongDocuments))
	if len(wrongDocuments) < 15 {
		t.Fatalf("%d cases", len(wrongDocuments))
	}
	dir := t.TempDir()
	for i, c := range wrongDocuments {
		t.Run(c.why, func(t *testing.T) {
			t.Parallel()
			key := fmt.Sprintf("key%d", i)
			database := fmt.Sprintf("cli_documents_%d", i) // for doctor looks at all of them
			t.Cleanup(func() { dropDatabase(t, database) })
			var doc bson.D
			must.Do(t, bson.UnmarshalExtJSON([]byte(c.doc), false, &doc))
			must.Do(t, putDocument(database, append(bson.D{{Key: "_id", Value: key}}, doc...)))
			before := rawDocument(t, database, key)
			base := []string{
				"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=" + database, "MONGOGATE_KEY=" + key,
				"MONGOGATE_STATE_DIR=" + filepath.Join(dir, key), "PATH=" + os.Getenv("PATH"),
			}
			wantOutput := func(code int, want string, args ...string) {
				t.Helper()
				got, out := builtBinary(t, base, args...)
				if got != code || !strings.Contains(out, want) {
					t.Errorf("%v: exit code %d, want %d and %q:\n%s", args, got, code, want, out)
				}
			}
			wantOutput(c.code, c.run, "run", "--timeout", "2s", "--poll-interval", "50ms", "--fail-if-held", "--", "echo", "ran")
			t.Log(c.run)
			if after := rawDocument(t, database, key); c.code != 0 && !bytes.Equal(before, after) {
				t.Errorf("the document was changed:\n%v\n%v", before, after)
			}
			if c.code == 0 {
				return // it has been replaced, as it should
			}
			wantOutput(0, c.show, "show")
			wantOutput(0, key, "list", key)
			wantOutput(0, key, "status")
			wantOutput(0, "", "show", "-o", "yaml")
			if c.find != "" {
				wantOutput(0, "unusable: "+c.find, "show")
				wantOutput(0, "unusable: "+c.find, "status")
				wantOutput(0, "unusable", "list", key)
				wantOutput(0, `"state": "unusable"`, "show", "-o", "json")
			}
			code, said := builtBinary(t, base, "doctor")
			want := 0
			if c.find != "" {
				want = 1
			}
			if found := strings.Contains(said, `UNUSABLE: lock "`+key+`": `); code != want || found != (c.find != "") || !strings.Contains(said, c.find) {
				t.Errorf("doctor: exit code %d, want %d and %q:\n%s", code, want, c.find, said)
			}
			if after := rawDocument(t, database, key); !bytes.Equal(before, after) {
				t.Errorf("looking has changed the document:\n%v\n%v", before, after)
			}
		})
	}
}

func rawDocument(t *testing.T, database, key string) bson.Raw {
	t.Helper()
	raw := must.Get(rig.client.Database(database).Collection("lock").FindOne(t.Context(), bson.D{{Key: "_id", Value: key}}).Raw())(t)
	return raw
}

// builtBinary runs the binary, and gives its exit code and all that it printed.
func builtBinary(t *testing.T, env []string, args ...string) (code int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), must.Patience)
	defer cancel()
	cmd := gateCommand(ctx, env, args...)
	b, err := cmd.CombinedOutput()
	return exitCode(err), string(b)
}

// succeeds runs what has to succeed.
func succeeds(t *testing.T, env []string, args ...string) {
	t.Helper()
	if code, out := builtBinary(t, env, args...); code != 0 {
		t.Fatalf("%d: %s", code, out)
	}
}
