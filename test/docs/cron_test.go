//go:build linux

package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

var (
	assignment = regexp.MustCompile(`^([A-Z_]+)=(.*)$`)
	crontab    = regexp.MustCompile(`^((?:\S+ ){4}\S+) ([a-z]+) (.+)$`) // five fields, user, command
	cronBucket = regexp.MustCompile(`--bucket 'cron:([^']*)'`)
)

// TestCronLines reads every marked crontab as cron does, and runs its command twice: it is done once.
func TestCronLines(t *testing.T) {
	for name, blocks := range marked(t, "test: cron", "crontab", 2) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, b := range blocks {
				runCrontab(t, name, b)
			}
		})
	}
}

func runCrontab(t *testing.T, name string, b block) {
	t.Helper()
	p := newPlace(t, fmt.Sprintf("cron_%s_%d", name, b.line))
	moved, ran := p.moved(t)
	p = p.with("MONGOGATE_URI=") // cron's environment has none; an empty variable counts as not set
	jobs := 0
	for line := range strings.Lines(b.text) {
		line = strings.TrimSuffix(line, "\n")
		if m := assignment.FindStringSubmatch(line); m != nil {
			p = p.with(m[1] + "=" + moved.Replace(m[2]))
			continue
		}
		m := crontab.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%s:%d: not a line of a crontab: %q", name, b.line, line)
		}
		jobs++
		schedule, command := m[1], m[3]
		if strings.Contains(strings.ReplaceAll(command, `\%`, ""), "%") {
			t.Errorf("%s:%d: cron makes a line break of %% in %q", name, b.line, command)
		}
		bucket := cronBucket.FindStringSubmatch(command)
		if bucket == nil || bucket[1] != schedule {
			t.Errorf("%s:%d: the schedule is %q, the bucket %q", name, b.line, schedule, bucket)
		}
		for range 2 {
			if said, code := p.run(t, "/bin/sh", "-c", moved.Replace(command)); code != 0 {
				t.Fatalf("%s:%d: exit code %d\n%s", name, b.line, code, said)
			}
		}
		// Two only where the nearest tick was another one between the two.
		list, _ := p.run(t, "/bin/sh", "-c", moved.Replace("/usr/local/bin/mongogate list reports@"))
		if got, done := len(ran(t)), strings.Count(list, " done "); got == 0 || got != done {
			t.Errorf("%s:%d: it ran %d times, and %d are done\n%s", name, b.line, got, done, list)
		}
	}
	if jobs != 1 {
		t.Errorf("%s:%d: %d jobs", name, b.line, jobs)
	}
}

// moved puts the files that the documents name into the place, and gives what
// replaces their paths, and how to see who ran.
func (p place) moved(t *testing.T) (*strings.Replacer, func(*testing.T) []string) {
	t.Helper()
	uri, command, env, log := filepath.Join(p.dir, "uri"), filepath.Join(p.dir, "work"), filepath.Join(p.dir, "settings.env"), filepath.Join(p.dir, "ran")
	for path, file := range map[string]struct {
		text string
		mode os.FileMode
	}{
		uri:     {shared.server.URI + "\n", 0o400},
		env:     {"# as in the documents\nMONGOGATE_URI=" + shared.server.URI + "\n", 0o600},
		command: {"#!/bin/sh\necho \"$MONGOGATE_KEY\" >>" + log + "\n", 0o700},
	} {
		must.Do(t, os.WriteFile(path, []byte(file.text), file.mode))
	}
	replace := strings.NewReplacer(
		"/usr/local/bin/mongogate", filepath.Join(shared.dir, "bin", "mongogate"),
		"/usr/local/bin/make-reports", command, "/usr/local/bin/reporter", command,
		"/etc/mongogate/uri", uri, "/etc/mongogate/reporter.env", env,
	)
	return replace, func(t *testing.T) []string {
		t.Helper()
		b, err := os.ReadFile(log)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return strings.Fields(string(b))
	}
}
