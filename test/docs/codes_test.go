//go:build linux

package docs

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// TestExitCodes brings about every code of the documented table, and no other.
func TestExitCodes(t *testing.T) {
	t.Parallel()
	p := newPlace(t, "codes")
	plain := filepath.Join(p.dir, "plain")
	must.Do(t, os.WriteFile(plain, []byte("no program"), 0o600))
	full := func(args ...string) []string {
		return []string{"bash", "-c", "mongogate " + strings.Join(args, " ") + " >/dev/full"}
	}
	run := func(args ...string) []string {
		return append([]string{"run", "--log-level", "error", "--key"}, args...)
	}
	cases := []struct {
		want string
		args []string
	}{
		{"0", run("a", "--", "true")},
		{"1", []string{"probe", "ready"}},
		{"71", []string{"install", filepath.Join(p.dir, "nowhere")}},
		{"64", run("a")},
		{"64", run("a", "--ttl", "3s", "--", "true")},
		{"75", run("held", "--timeout", "500ms", "--", "true")},
		{"77", []string{"show", "nobody"}},
		{"77", run("done@{{.Bucket}}", "--bucket", "7d", "--fail-if-held", "--", "true")},
		{"126", run("a", "--", plain)},
		{"127", run("a", "--", "there-is-no-such-program")},
		{"other", run("a", "--", "sh", "-c", "exit 3")},
		{"other", run("a", "--", "sh", "-c", "kill -TERM $$")},
	}
	documented := map[string]bool{}
	for _, row := range tableIn(t, pageOf(t, "docs/use/command-line.md"), "## Exit codes", 5) {
		for code := range strings.SplitSeq(row[0], ", ") {
			documented[code] = true
		}
	}
	seen := map[string]bool{}
	came := func(want string, args []string, said string, code int) {
		t.Helper()
		name := strconv.Itoa(code)
		if !documented[name] {
			name = "other"
		}
		seen[name] = true
		if name != want {
			t.Errorf("mongogate %q: exit code %d, want %s\n%s", args, code, want, said)
		}
	}
	one := func(p place, want string, args ...string) {
		t.Helper()
		said, code := p.mongogate(t, args...)
		came(want, args, said, code)
	}
	// One command holds a lock while others want it, and loses it in the end.
	holds := run("held", "--heartbeat", "500ms", "--", "sleep", "1000")
	holder := exec.CommandContext(t.Context(), filepath.Join(shared.dir, "bin", "mongogate"), holds...)
	holder.Env = p.with("MONGOGATE_STATE_DIR=" + filepath.Join(p.dir, "other")).env
	must.Do(t, holder.Start())
	if said, code := p.run(t, "bash", "-c", "until mongogate show held; do sleep 0.1; done"); code != 0 {
		t.Fatal(said)
	}
	one(p, "0", run("done@{{.Bucket}}", "--bucket", "7d", "--", "true")...)
	for _, c := range cases {
		one(p, c.want, c.args...)
	}
	said, code := p.run(t, full("version")[0], full("version")[1:]...)
	came("71", full("version"), said, code)
	one(p.with("MONGOGATE_URI=mongodb://127.0.0.1:1"), "69", "show", "--operation-timeout", "500ms", "any")
	one(p, "0", "force-release", "held")
	if err := holder.Wait(); err == nil {
		t.Error("the holder ended with 0")
	}
	came("88", holds, "", holder.ProcessState.ExitCode())
	if got, want := slices.Sorted(maps.Keys(seen)), slices.Sorted(maps.Keys(documented)); !slices.Equal(got, want) {
		t.Errorf("brought about: %v, documented: %v", got, want)
	}
}
