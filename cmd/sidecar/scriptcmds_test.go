//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/must"
)

// scriptCommands are the words that the scripts have besides those of testscript:
//
//	code N COMMAND…         run a command; its exit code has to be N
//	until N COMMAND…        the same again and again, until it is
//	start NAME COMMAND…     start a command beside the script, its output in NAME.out and NAME.err
//	signal SIGNAL NAME      send it a signal (or the process whose number is in the file NAME)
//	ended NAME N            wait for its end; its exit code has to be N
//	running NAME            it has not ended
//	await FILE REGEXP       wait until the file says so
//	document JSON           put a document (extended JSON) into the script's collection
//	masked FILE             write the last output to FILE, with what differs from run to run replaced by words
//	helps FILE              write the help of the program and of every command to FILE
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"code": cmdCode, "says": cmdSays, "until": cmdUntil, "start": cmdStart, "signal": cmdSignal, "ended": cmdEnded,
		"running": cmdRunning, "await": cmdAwait, "document": cmdDocument, "masked": cmdMasked, "helps": cmdHelps,
	}
}

type processes struct{}

// process is one that a script has started.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}
}

func started(ts *testscript.TestScript, name string) *process {
	p, ok := ts.Value(processes{}).(map[string]*process)[name]
	if !ok {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p
}

func wants(ts *testscript.TestScript, neg bool, args []string, least int, usage string) {
	if neg || len(args) < least {
		ts.Fatalf("usage: %s", usage)
	}
}

func number(ts *testscript.TestScript, text string) int {
	n, err := strconv.Atoi(text)
	ts.Check(err)
	return n
}

// exitCode is what a shell would call it; -1 where the command could not be started.
func exitCode(err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		return -1
	}
	return codeOf(exit.ProcessState)
}

func codeOf(p *os.ProcessState) int {
	if s, ok := p.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal())
	}
	return p.ExitCode()
}

func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "code N COMMAND…")
	err := ts.Exec(args[1], args[2:]...)
	if got, want := exitCode(err), number(ts, args[0]); got != want {
		ts.Fatalf("exit code %d (%v), want %d", got, err, want)
	}
}

// repeat does something until it is well, or fails with what it says last.
func repeat(ts *testscript.TestScript, do func() (well bool, said string)) {
	for end := time.Now().Add(must.Patience); ; time.Sleep(20 * time.Millisecond) {
		well, said := do()
		if well {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("for %v: %s", must.Patience, said)
		}
	}
}

func cmdUntil(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "until N COMMAND…")
	repeat(ts, func() (bool, string) {
		got := exitCode(ts.Exec(args[1], args[2:]...))
		return got == number(ts, args[0]), fmt.Sprintf("exit code %d, want %s", got, args[0])
	})
}

// cmdSays repeats a command until its output has what is looked for.
func cmdSays(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "says PATTERN COMMAND…")
	want := regexp.MustCompile("(?m)" + args[0])
	repeat(ts, func() (bool, string) {
		err := ts.Exec(args[1], args[2:]...)
		got := ts.ReadFile("stdout")
		return err == nil && want.MatchString(got), fmt.Sprintf("no %s in %s (%v)", args[0], got, err)
	})
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "start NAME COMMAND…")
	name := args[0]
	path := args[1]
	if path == "mongogate" {
		path = rig.binary
	}
	cmd := exec.Command(path, args[2:]...) // ended by the Defer below
	cmd.Dir = ts.MkAbs(".")
	for _, v := range environOf(ts) {
		cmd.Env = append(cmd.Env, v+"="+ts.Getenv(v))
	}
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	defer out.Close()
	log, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = out, log
	ts.Check(cmd.Start())
	p := &process{cmd: cmd, ended: make(chan struct{})}
	go func() { // waited for by the Defer below
		defer close(p.ended)
		_ = cmd.Wait()
	}()
	ts.Value(processes{}).(map[string]*process)[name] = p
	ts.Defer(func() {
		// A gate that is told to end takes its tree with it; a sidecar may have no evidence to end on.
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if len(args) > 2 && args[2] == "sidecar" {
			_ = cmd.Process.Kill()
		}
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-p.ended
		}
		if errText, err := os.ReadFile(ts.MkAbs(name + ".err")); err == nil {
			ts.Logf("log of %s:\n%s", name, errText)
		}
	})
}

// environOf names the variables that a script's processes get. testscript gives single values only.
func environOf(ts *testscript.TestScript) []string {
	names := []string{"PATH", "HOME", "TMPDIR", "WORK", "KUBERNETES_SERVICE_HOST"}
	for _, row := range variables() {
		if ts.Getenv(row) != "" {
			names = append(names, row)
		}
	}
	return names
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "signal SIGNAL NAME")
	sig := unix.SignalNum(args[0])
	if sig == 0 { // those that the table of numbers has no name for
		var err error
		sig, err = settings.Signal(args[0])
		ts.Check(err)
	}
	if p, ok := ts.Value(processes{}).(map[string]*process)[args[1]]; ok {
		ts.Check(p.cmd.Process.Signal(sig))
		return
	}
	ts.Check(unix.Kill(number(ts, trimmed(ts.ReadFile(args[1]))), sig))
}

func trimmed(s string) string { return regexp.MustCompile(`\s+`).ReplaceAllString(s, "") }

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "ended NAME N")
	p := started(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(must.Patience):
		ts.Fatalf("%s has not ended within %v", args[0], must.Patience)
	}
	if got, want := codeOf(p.cmd.ProcessState), number(ts, args[1]); got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", args[0], got, want)
	}
}

func cmdRunning(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 1, "running NAME")
	select {
	case <-started(ts, args[0]).ended:
		ts.Fatalf("%s has ended", args[0])
	default:
	}
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 2, "await FILE REGEXP")
	re, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	repeat(ts, func() (bool, string) {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && re.Match(text), fmt.Sprintf("%s does not say %s: %v\n%s", args[0], args[1], err, text)
	})
}

func cmdDocument(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 1, "document JSON")
	var doc bson.D
	ts.Check(bson.UnmarshalExtJSON([]byte(args[0]), false, &doc))
	ts.Check(putDocument(ts.Getenv("DATABASE"), doc))
}

func putDocument(database string, doc bson.D) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	id := bson.D{doc[0]} // _id comes first
	_, err := rig.client.Database(database).Collection("lock").ReplaceOne(ctx, id, doc, options.Replace().SetUpsert(true))
	return err
}

func dropDatabase(t testing.TB, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := rig.client.Database(name).Drop(ctx); err != nil {
		t.Errorf("dropping %s: %v", name, err)
	}
}

// masks are what differs from run to run, machine to machine, and server to server.
var masks = []struct {
	what *regexp.Regexp
	word string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`), "TIME"},
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d{3} `), ""},
	{regexp.MustCompile(`\b1[0-9]{12}\b`), "TOKEN"},
	{regexp.MustCompile(`\b([a-z0-9-]+/)?[A-Z2-7]{16}\b`), "FINGERPRINT"},
	{regexp.MustCompile(`\b[A-Z2-7]{26}\b`), "RANDOM"},
	{regexp.MustCompile(`(?m)("?version"?: )"?[^",\n]+"?`), "${1}VERSION"},
	{regexp.MustCompile(`\((standalone|replica set|sharded), [^)]+\)`), "(KIND, VERSION)"},
	{regexp.MustCompile(`(?m)("?kind"?: )"?[^",\n]+"?`), "${1}KIND"},
	{regexp.MustCompile(`(?m)("?left"?:? +)"?[0-9smh]+"?`), "${1}LEFT"},
	{regexp.MustCompile(`\b[0-9.]+(µs|ms)\b`), "DURATION"},
	{regexp.MustCompile(`(\S)  +`), "$1  "}, // widths of columns follow from the above
}

func cmdMasked(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 1, "masked FILE")
	text := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	work := regexp.MustCompile(regexp.QuoteMeta(ts.Getenv("WORK")))
	text = work.ReplaceAllString(text, "WORK")
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.word)
	}
	ts.Check(os.WriteFile(filepath.Clean(ts.MkAbs(args[0])), []byte(text), 0o600))
}

func cmdHelps(ts *testscript.TestScript, neg bool, args []string) {
	wants(ts, neg, args, 1, "helps FILE")
	var all strings.Builder
	for _, line := range append([][]string{{"mongogate", "--help"}}, helps()...) {
		ts.Check(ts.Exec(line[0], line[1:]...))
		fmt.Fprintf(&all, "$ %s\n%s\n", strings.Join(line, " "), ts.ReadFile("stdout"))
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(all.String()), 0o600))
}

// helps asks every command for its help.
func helps() (lines [][]string) {
	for _, c := range newRoot(world{stderr: os.Stderr}).Commands() {
		if c.Name() != "help" {
			lines = append(lines, []string{"mongogate", c.Name(), "--help"})
		}
	}
	return lines
}
