//go:build linux

package podworkload

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/must"
)

// lose is a loss from the sentinel to SIGKILL.
func lose(w *Workload) {
	<-w.Warn("lost")
	w.Terminate()
	w.Kill()
}

// held is a gate that holds, with the protection kill.
func held(t *testing.T, change ...func(*Config)) *Workload {
	t.Helper()
	cfg := config(t)
	cfg.Kill = true
	for _, c := range change {
		c(&cfg)
	}
	w := start(t, cfg, &statedir.Lease{Open: true, Deadline: cfg.Clock.Now() + time.Hour})
	w.Start(gate.Grant{Token: 1})
	return w
}

// A mark is no proof that what does not show it is something else: all of this is the workload, though one container is marked.
func TestWithoutAMarkItIsTheWorkload(t *testing.T) { withoutAMark(t, pod{}) }

func TestWithoutAMarkOnCgroup2(t *testing.T) { withoutAMark(t, pod{unified: true}) }

func withoutAMark(t *testing.T, p pod) {
	if !inside(t, p) {
		return
	}
	w := held(t)
	type process struct {
		what string
		*exec.Cmd
	}
	title := `exec sleep 1000`
	if _, err := exec.LookPath("perl"); err == nil { // as nginx and PostgreSQL do
		title = `exec perl -e '$0 = "server: a title that is longer than the arguments were " . "x" x 5000; sleep 1000'`
	} else {
		t.Log("not shown here: a title over the environment, for there is no perl")
	}
	list := filepath.Join(t.TempDir(), "pids")
	all := []process{
		{"marked", container(t, "work", "exec sleep 1000", Marker+"=1")},
		{"no environment at all, in the marked container, as of kubectl exec", container(t, "work", "exec env -i sleep 1000")},
		{"another environment, in a container without a mark", container(t, "other", "exec env -i A=b sleep 1002")},
		{"no environment at all", container(t, "other", "exec env -i sleep 1000")},
		{"a title over its environment", container(t, "other", title)},
		{"in no container of the pod, as of nsenter", container(t, "..", "exec sleep 1000")},
		{"a child with a clean environment", container(t, "other", fmt.Sprintf(`env -i sh -c 'echo $$ >>%s; exec sleep 1000'`, list))},
		{"a zombie with a thread is too much for a shell, an orphan is not", container(t, "other", fmt.Sprintf(`(env -i setsid sh -c 'echo $$ >>%s; exec sleep 1000' &) ; exec sleep 1000`, list))},
	}
	children := pids(t, list, 2)
	if p.unified { // a container may have cgroups below its own
		sub := filepath.Join(os.Getenv(envWork), "other", "sub")
		if err := os.MkdirAll(sub, 0o755); err == nil {
			all = append(all, process{"in a cgroup of its own below the container's", container(t, "other/sub", "exec env -i sleep 1000")})
			t.Cleanup(func() { _ = os.Remove(sub) })
		}
	}
	w.Stop()
	goneIs(t, w, false)
	lose(w)
	goneIs(t, w, true)
	for _, p := range all {
		if alive(p.Process.Pid) {
			t.Errorf("evidence, but it lives: %s", p.what)
		}
	}
	if !noneOf(children) {
		t.Error("evidence, but a child lives")
	}
}

// program is a copy of sleep under another name.
func program(t *testing.T, name string) string {
	t.Helper()
	sleep := must.Get(exec.LookPath("sleep"))(t)
	path := filepath.Join(t.TempDir(), name)
	copyFile(t, sleep, path)
	return path
}

// Spared are containers with the mark, whatever else runs in them.
func TestSparedByItsMark(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	w := held(t)
	work := container(t, "work", "exec env -i sleep 1000")
	list := filepath.Join(t.TempDir(), "pids")
	marked := container(t, "other", fmt.Sprintf(`env -i sh -c 'echo $$ >>%s; exec sleep 1000' & exec sleep 1000`, list), Spared+"=true")
	child := pids(t, list, 1)
	lose(w)
	goneIs(t, w, true)
	if alive(work.Process.Pid) || !alive(marked.Process.Pid) || !alive(child[0]) {
		t.Errorf("the workload lives: %v, what is spared: %v, and its child without the mark: %v", alive(work.Process.Pid), alive(marked.Process.Pid), alive(child[0]))
	}
	// A process above the containers speaks for itself at most.
	stranger := container(t, "..", "exec sleep 1000", Spared+"=true")
	dies(t, stranger, "what is in no container is killed")
	unmarked := container(t, "work", "exec sleep 1000")
	dies(t, unmarked, "and spares nobody")
	// Known by its cgroup from then on.
	_ = marked.Process.Kill()
	dies(t, marked, "ended")
	again := container(t, "other", "exec env -i sleep 1000")
	time.Sleep(20 * w.cfg.Scan)
	if !alive(again.Process.Pid) {
		t.Error("a container that had shown the mark is not spared any more")
	}
}

// A mesh's proxy, injected without a mark, is spared by the name of its program: the container that begins with it, and no other.
func TestSparedByItsName(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	w := held(t, func(cfg *Config) { cfg.Spare = []string{"pilot-agent"} })
	agent, envoy := program(t, "pilot-agent"), program(t, "envoy")
	list := filepath.Join(t.TempDir(), "pids")
	proxy := container(t, "other", "exec "+agent+" 1000")
	isCalled(t, proxy, "pilot-agent")
	time.Sleep(20 * time.Millisecond) // what it starts is younger by a tick of the kernel's
	child := container(t, "other", "exec env -i "+envoy+" 1000")
	work := container(t, "work", "exec sleep 1000")
	time.Sleep(20 * time.Millisecond)
	same := container(t, "work", fmt.Sprintf(`echo $$ >>%s; exec %s 1000`, list, agent))
	pids(t, list, 1)
	lose(w)
	goneIs(t, w, true)
	if !alive(proxy.Process.Pid) || !alive(child.Process.Pid) {
		t.Errorf("the proxy lives: %v, what it has started: %v", alive(proxy.Process.Pid), alive(child.Process.Pid))
	}
	if alive(work.Process.Pid) || alive(same.Process.Pid) {
		t.Errorf("the workload lives: %v, its process of the same name: %v", alive(work.Process.Pid), alive(same.Process.Pid))
	}
	_ = proxy.Process.Kill() // what is left had another name
	dies(t, child, "without its first process it is spared no more")
}

// gatePrograms are programs of the name of a gate's: our own, and one that its user may not read.
const gatePrograms = `mkdir -m 755 "$DIR/own" "$DIR/hides" && cp /proc/1/exe "$DIR/own/mongogate" && cp "$(command -v sleep)" "$DIR/hides/mongogate" && chmod 755 "$DIR/own/mongogate" && chmod 711 "$DIR/hides/mongogate"`

// A name is no proof: a container that calls itself as a gate does is the workload, unless its program is the gate's own.
func TestGateIsNotKnownByItsName(t *testing.T) {
	sparedGate(t, "own", envSleeps+"=1")
}

// Nobody of its user sees what a gate runs. What hides like that under a gate's name is taken for one.
func TestGateHidesItsProgram(t *testing.T) {
	sparedGate(t, "hides", "")
}

func sparedGate(t *testing.T, which, env string) {
	if !inside(t, pod{uid: "12345", prelude: gatePrograms}) {
		return
	}
	w := held(t)
	renamed := container(t, "work", "exec "+program(t, gateName)+" 1000")
	gate := container(t, "other", "exec "+filepath.Join(os.Getenv("DIR"), which, gateName)+" 1000", env)
	for _, c := range []*exec.Cmd{renamed, gate} {
		isCalled(t, c, gateName)
	}
	lose(w)
	goneIs(t, w, true)
	time.Sleep(20 * w.cfg.Scan)
	if alive(renamed.Process.Pid) || !alive(gate.Process.Pid) {
		t.Errorf("what only has the name lives: %v, a gate: %v", alive(renamed.Process.Pid), alive(gate.Process.Pid))
	}
}

// The mark of a workload counts whichever process of its container shows one first, and which: a server that has written over its
// environment is followed by what somebody has started beside it.
func TestMarkAfterAnother(t *testing.T) {
	tg, in := &targets{own: place{"": "/"}, tell: []string{""}}, place{"": "/../b"}
	for _, mark := range []string{Spared, Marker} {
		cmd := exec.Command("sleep", "1000")
		cmd.Env = []string{mark + "=1"}
		must.Do(t, cmd.Start())
		defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
		p := must.Get(proctree.Look(cmd.Process.Pid))(t)
		must.Happen(t, "its environment can be read", func() bool { // not yet, in the middle of execve
			_, found, err := p.Getenv(mark)
			return err == nil && found
		})
		tg.read(p, in)
	}
	if !tg.within(in, tg.marked) {
		t.Error("spared, although it is marked as the workload")
	}
}

// A script of a gate's name is none, until it has become the gate, as wrappers of images do.
func TestScriptThatBecomesAGate(t *testing.T) {
	dir := t.TempDir()
	program, script, begins := filepath.Join(dir, "own"), filepath.Join(dir, gateName), filepath.Join(dir, "begins")
	must.Do(t, os.Mkdir(program, 0o755))
	program = filepath.Join(program, gateName)
	copyFile(t, os.Args[0], program)
	must.Do(t, os.WriteFile(script, []byte("#!/bin/sh\nuntil test -e "+begins+"; do sleep 0.02; done\nexec "+program+"\n"), 0o755))
	cmd := exec.Command(script)
	cmd.Env = append(os.Environ(), envSleeps+"=1")
	must.Do(t, cmd.Start())
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	isCalled(t, cmd, gateName)
	g := &gates{known: map[identity]bool{}}
	is := func() bool {
		p := must.Get(proctree.Look(cmd.Process.Pid))(t)
		return g.is(p)
	}
	if is() {
		t.Fatal("a script passes for a gate")
	}
	must.Do(t, os.WriteFile(begins, nil, 0o600))
	must.Happen(t, "it is a gate", func() bool {
		exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", cmd.Process.Pid))
		return err == nil && exe == program
	})
	if !is() {
		t.Error("what it was before counts: the gate and its workload would be killed")
	}
}

// isCalled waits until the program that a container begins with has a name.
func isCalled(t *testing.T, c *exec.Cmd, name string) {
	t.Helper()
	must.Happen(t, name+" runs", func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", c.Process.Pid))
		return string(b) == name+"\n"
	})
}

// The name that the kernel cuts is known as well, and the mark of a workload counts more than any.
func TestMarkOverAName(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	const name = "linkerd2-proxy-with-a-long-name"
	w := held(t, func(cfg *Config) { cfg.Spare = []string{name} })
	path := program(t, name)
	proxy := container(t, "other", "exec "+path+" 1000")
	marked := container(t, "work", "exec "+path+" 1000", Marker+"=1")
	for _, c := range []*exec.Cmd{proxy, marked} {
		isCalled(t, c, name[:15])
	}
	lose(w)
	goneIs(t, w, true)
	if !alive(proxy.Process.Pid) || alive(marked.Process.Pid) {
		t.Errorf("the proxy lives: %v, the workload: %v", alive(proxy.Process.Pid), alive(marked.Process.Pid))
	}
}

// An unknown container, such as that of kubectl debug, is killed and keeps the evidence back, unless it was started with the mark.
func TestDebugContainer(t *testing.T) {
	if !inside(t, pod{}) {
		return
	}
	w := held(t)
	debug := container(t, "other", "exec sleep 1000")
	w.Stop()
	goneIs(t, w, false)
	if !alive(debug.Process.Pid) {
		t.Fatal("killed while the lock is held")
	}
	lose(w)
	goneIs(t, w, true)
	if alive(debug.Process.Pid) {
		t.Error("it lives")
	}
}

// Names are looked up in cgroups of either version.
func TestContainers(t *testing.T) {
	const (
		v1own   = "9:name=systemd:/pod/a\n4:memory:/pod/a\n3:cpuset:/\n0::/"
		v1other = "9:name=systemd:/pod/b\n4:memory:/pod/b\n3:cpuset:/\n0::/"
	)
	for name, test := range map[string]struct {
		own, first, process string
		same                bool
	}{
		"version 1":                          {v1own, v1other, v1own, true},
		"version 1, another":                 {v1own, v1other, v1other, false},
		"version 1, moved in one hierarchy":  {v1own, v1other, strings.Replace(v1other, "memory:/pod/b", "memory:/pod/a", 1), false},
		"version 1, below in one hierarchy":  {v1own, v1other, strings.Replace(v1own, "systemd:/pod/a", "systemd:/pod/a/init.scope", 1), true},
		"version 1, a longer name":           {v1own, v1other, strings.ReplaceAll(v1own, "/pod/a", "/pod/ab"), false},
		"version 1, a hierarchy is missing":  {v1own, v1other, "9:name=systemd:/pod/a", false},
		"version 2":                          {"/", "/../pause", "/", true},
		"version 2, below":                   {"/", "/../pause", "/sub", true},
		"version 2, another":                 {"/", "/../pause", "/../b", false},
		"version 2, above":                   {"/", "/../pause", "/..", false},
		"version 2, of the machine":          {"/", "/../pause", "/../../../user.slice", false},
		"version 2, deleted":                 {"/", "/../pause", "/../b (deleted)", false},
		"version 2, the machine's own view":  {"/kubepods/pod/a", "/kubepods/pod/pause", "/kubepods/pod/a/x", true},
		"version 2, beside, in the same pod": {"/kubepods/pod/a", "/kubepods/pod/pause", "/kubepods/pod/b", false},
	} {
		own := parsePlace(test.own)
		tell := own.apart(parsePlace(test.first))
		if len(tell) == 0 {
			t.Errorf("%s: nothing tells them apart", name)
		}
		if got := parsePlace(test.process).in(own, tell); got != test.same {
			t.Errorf("%s: our own: %v", name, got)
		}
	}
	for path, above := range map[string]bool{"/..": true, "/../..": true, "/../b": false, "/": true, "/sub": false} {
		if got := (place{"": path}).above(place{"": "/"}, []string{""}); got != above {
			t.Errorf("%s is above us: %v", path, got)
		}
	}
	for name, both := range map[string][2]string{"one for all": {"/", "/"}, "the pause below us": {"/", "/pause"}} {
		if tell := parsePlace(both[0]).apart(parsePlace(both[1])); len(tell) > 0 {
			t.Errorf("%s: told apart by %q", name, tell)
		}
	}
}

// Two gates of one process namespace would end each other's workload.
func TestOneGateKills(t *testing.T) {
	first := must.Get(Sole())(t)
	if second, err := Sole(); !errors.Is(err, ErrTwoKill) {
		t.Errorf("%v, %v", second, err)
	}
	must.Do(t, first.Close())
	again, err := Sole()
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	must.Do(t, again.Close())
}
