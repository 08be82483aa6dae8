package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
)

// TestContention: Python and Go workers add to one number in a file, each
// under the same key. The witness is a file that is only appended to.
func TestContention(t *testing.T) {
	onEach(t, func(t *testing.T, m *meeting) {
		const each, rounds = 3, 8
		dir := t.TempDir()
		witness, counter := filepath.Join(dir, "witness"), filepath.Join(dir, "counter")
		must.Do(t, os.WriteFile(counter, []byte("0"), 0o600))
		var wg sync.WaitGroup
		for i := range each {
			py := m.worker(t)
			wg.Go(func() {
				if _, err := py.try("work", args{"key": "key", "owner": fmt.Sprint("py-", i), "rounds": rounds, "witness": witness, "counter": counter}); err != nil {
					t.Error(err)
				}
			})
			l := m.locker(t, fmt.Sprint("go-", i), func(o *mongolock.Options) {
				o.Timing = mongolock.Timing{TTL: 20 * time.Second}
				o.Poll = 20 * time.Millisecond
			})
			wg.Go(func() {
				if err := work(t, l, fmt.Sprint("go-", i), rounds, witness, counter); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		text := must.Get(os.ReadFile(counter))(t)
		if n, err := strconv.Atoi(string(text)); err != nil || n != 2*each*rounds {
			t.Errorf("the number is %q, want %d", text, 2*each*rounds)
		}
		judge(t, witness, 2*each*rounds)
	})
}

// work is worker.py's, on our side.
func work(t *testing.T, l *mongolock.Locker, owner string, rounds int, witness, counter string) error {
	last := int64(0)
	for n := range rounds {
		lease, err := l.Acquire(soon(t), "key")
		if err != nil {
			return err
		}
		if lease.Token() <= last {
			t.Errorf("%s: token %d after %d", owner, lease.Token(), last)
		}
		last = lease.Token()
		if err := appendLine(witness, fmt.Sprintf("enter %s %d\n", owner, n)); err != nil {
			return err
		}
		text, err := os.ReadFile(counter)
		if err != nil {
			return err
		}
		value, err := strconv.Atoi(string(text))
		if err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond) // the work: long enough for another to come in between
		if err := os.WriteFile(counter, []byte(strconv.Itoa(value+1)), 0o600); err != nil {
			return err
		}
		if err := appendLine(witness, fmt.Sprintf("leave %s %d\n", owner, n)); err != nil {
			return err
		}
		if err := lease.Release(soon(t)); err != nil {
			return err
		}
		time.Sleep(5 * time.Millisecond) // others may have it
	}
	return nil
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		return err
	}
	return f.Close()
}

// judge looks for two at once in what the witness has seen.
func judge(t *testing.T, witness string, want int) {
	t.Helper()
	text := must.Get(os.ReadFile(witness))(t)
	inside, entries, changes, before := "", 0, 0, ""
	for line := range strings.Lines(string(text)) {
		what, who, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case what == "enter" && inside == "":
			inside = who
			entries++
			if side := who[:2]; side != before {
				before = side
				changes++
			}
		case what == "leave" && inside == who:
			inside = ""
		default:
			t.Fatalf("%s while %q is inside", strings.TrimSpace(line), inside)
		}
	}
	if entries != want || inside != "" {
		t.Errorf("%d entries, want %d; inside at the end: %q", entries, want, inside)
	}
	if changes < 4 {
		t.Errorf("the key changed sides only %d times", changes)
	}
	t.Logf("%d entries, %d changes of side, 0 overlaps", entries, changes)
}
