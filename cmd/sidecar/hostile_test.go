//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.yaml.in/yaml/v3"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/printable"
	"github.com/mongogate/mongogate/pkg/problem"
	"github.com/mongogate/mongogate/test/must"
)

// evil is what somebody who can write to the collection may put into every text of a document.
const evil = "x\nmongogate: all is well\r\n\x1b[2J\x1b]0;title\a\u009b31m\u202egate open\u2066\u200b\ufeff\u2028\t\x00\x7f\U000e0041"

// hostileDocument is one in which every text is evil or very long.
func hostileDocument(key, state, text string) bson.D {
	now, owner := time.Now(), text
	text = text[:min(len(text), 30000)] // whole signs: what is no UTF-8 ends the engine of the npm registry
	holder := bson.D{}
	for _, name := range []string{"cluster", "namespace", "pod", "podUID", "node", "job", "jobUID"} {
		holder = append(holder, bson.E{Key: name, Value: text})
	}
	var history bson.A
	for n := range 10 {
		short := text[:min(len(text), 9999)]
		history = append(history, bson.D{{Key: "at", Value: now}, {Key: "owner", Value: short}, {Key: "token", Value: int64(n)}, {Key: "how", Value: short}, {Key: "cluster", Value: short}, {Key: "pod", Value: short}})
	}
	d := bson.D{
		{Key: "_id", Value: key},
		{Key: "v", Value: 1},
		{Key: "locked", Value: state == "held"},
		{Key: "state", Value: state},
		{Key: "owner", Value: owner},
		{Key: "nonce", Value: "n"},
		{Key: "beat", Value: int64(1)},
		{Key: "ttlMs", Value: int64(600000)},
		{Key: "graceMs", Value: int64(100000)},
		{Key: "token", Value: int64(5)},
		{Key: "created", Value: now},
		{Key: "touched", Value: now},
		{Key: "expire", Value: now.Add(10 * time.Minute)},
		{Key: "holder", Value: holder},
		{Key: "history", Value: history},
	}
	if state == "done" {
		d = append(d, bson.E{Key: "done", Value: bson.D{{Key: "at", Value: now}, {Key: "by", Value: text}, {Key: "jobUID", Value: text[:min(len(text), 99)]}, {Key: "outcome", Value: text[:min(len(text), 999)]}}})
	}
	if state == "python" {
		d = bson.D{{Key: "_id", Value: key}, {Key: "locked", Value: true}, {Key: "owner", Value: owner}, {Key: "created", Value: now}, {Key: "expire", Value: now.Add(10 * time.Minute)}}
	}
	return d
}

// TestHostileDocuments: whatever others have written into the collection, every command prints lines of its own, in
// which everything shows, and of bounded length.
func TestHostileDocuments(t *testing.T) {
	const database = "cli_hostile"
	t.Cleanup(func() { dropDatabase(t, database) })
	collection := rig.client.Database(database).Collection("lock")
	var keys []string
	for kind, text := range map[string]string{"evil": evil, "long": strings.Repeat("é\x1b", 1<<20)} {
		for _, state := range []string{"held", "free", "done", "python", "wr\x1bong"} {
			key := strings.ReplaceAll(kind+"-"+state, "\x1b", "")
			if _, err := collection.InsertOne(t.Context(), hostileDocument(key, state, text)); err != nil {
				t.Fatalf("%s: %v", key, err)
			}
			keys = append(keys, key)
		}
	}
	must.Get(collection.InsertOne(t.Context(), hostileDocument("evil"+evil, "held", evil)))(t)
	env := []string{
		"MONGOGATE_URI=" + rig.server.URI, "MONGOGATE_DATABASE=" + database, "MONGOGATE_STATE_DIR=" + t.TempDir(), "MONGOGATE_TTL=5s", "MONGOGATE_LOG_LEVEL=debug",
		"MONGOGATE_POLL_INTERVAL=100ms", "PATH=" + os.Getenv("PATH"),
	}
	looked := 0
	look := func(args ...string) {
		t.Helper()
		looked++
		ctx, cancel := context.WithTimeout(t.Context(), must.Patience)
		defer cancel()
		cmd := gateCommand(ctx, env, args...)
		var out, errs strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &errs
		_ = cmd.Run()
		format := ""
		for i, a := range args {
			if a == "-o" {
				format = args[i+1]
			}
		}
		name := strings.Join(args, " ")
		if out.Len()+errs.Len() == 0 {
			t.Errorf("%s: says nothing", name)
		}
		for where, text := range map[string]string{"output": out.String(), "error": errs.String()} {
			for line := range strings.Lines(text) {
				if line = strings.TrimSuffix(line, "\n"); !printable.Visible(line) {
					t.Errorf("%s: %s: %.300q", name, where, line)
				}
				if strings.HasPrefix(line, "mongogate: all is well") || strings.HasPrefix(line, "gate open") {
					t.Errorf("%s: %s: a forged line: %.300q", name, where, line)
				}
				if (format == "" || where == "error") && len(line) > 16<<10 {
					t.Errorf("%s: %s: a line of %d bytes", name, where, len(line))
				}
			}
		}
		var v any
		switch format {
		case "json":
			if err := json.Unmarshal([]byte(out.String()), &v); out.Len() > 0 && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case "yaml":
			if err := yaml.Unmarshal([]byte(out.String()), &v); out.Len() > 0 && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if format != "" && strings.Contains(name, "show evil-held") && !strings.Contains(fmt.Sprint(v), evil) {
			t.Errorf("%s: the owner is not what the document has: %.500q", name, v)
		}
	}
	for _, format := range [][]string{nil, {"-o", "json"}, {"-o", "yaml"}} {
		with := func(args ...string) []string { return append(args, format...) }
		look(with("list")...)
		look(with("list", "evil")...)
		look(with("doctor", "--key", "k")...)
		for _, key := range keys {
			for _, command := range []string{"show", "status", "history"} {
				look(with(command, key)...)
			}
		}
		look(with("force-release", "evil-held")...)
		look(with("force-release", "long-held")...)
		look(with("force-release", "evil-python")...)
	}
	for _, key := range keys {
		for _, format := range []string{"text", "json"} {
			look("run", "--key", key, "--timeout", "300ms", "--log-format", format, "--", "true")
			look("run", "--key", key, "--if-held", "skip", "--timeout", "300ms", "--log-format", format, "--", "true")
		}
		if strings.HasSuffix(key, "-held") { // a free one it would take, and keep
			look("sidecar", "--key", key, "--timeout", "300ms", "--log-format", "text")
		}
		look("init", "--key", key, "--timeout", "300ms", "--log-format", "text")
	}
	look("force-release", "--now", "--yes", "evil-held")
	look("force-release", "--now", "--yes", "long-python")
	fmt.Printf("cases: %d commands beside hostile documents\n", looked)
}

// The last error is a line for each problem that we know of; a line end that came from outside begins none.
func TestReportShowsEverything(t *testing.T) {
	foreign := errors.New("the server says: " + evil)
	problems := &settings.Error{Problems: []problem.Problem{{Field: "a", Message: "one"}, {Field: "b", Message: "two"}}}
	for name, test := range map[string]struct {
		err   error
		lines int
	}{
		"one":                    {foreign, 1},
		"wrapped":                {fmt.Errorf("acquiring: %w", foreign), 1},
		"with a code":            {&agent.Exit{Code: agent.ExitLost, Err: foreign}, 1},
		"joined":                 {errors.Join(foreign, foreign, foreign), 3},
		"joined, with a code":    {&agent.Exit{Code: agent.ExitLost, Err: errors.Join(foreign, foreign)}, 2},
		"joined within a text":   {fmt.Errorf("x: %w", errors.Join(foreign, foreign)), 1},
		"settings":               {problems, 2},
		"settings and a foreign": {errors.Join(problems, foreign), 3},
		"very long":              {errors.New(strings.Repeat(evil, 1<<17)), 1},
	} {
		var b bytes.Buffer
		report(test.err, &b)
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != test.lines {
			t.Errorf("%s: %d lines, want %d:\n%.2000s", name, len(lines), test.lines, b.String())
		}
		for _, line := range lines {
			if !printable.Visible(line) || len(line) > 3000 || !strings.HasPrefix(line, "mongogate: ") || strings.HasPrefix(line, "mongogate: all is well") {
				t.Errorf("%s: %.300q", name, line)
			}
		}
	}
}
