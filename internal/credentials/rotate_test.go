package credentials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret must not be seen in any line.
const secret = "c4nary"

// rig is a watcher of a Secret as the kubelet mounts it: the names are links into a directory that a link is swapped to.
type rig struct {
	t   *testing.T
	dir string
	*Watcher

	mu     sync.Mutex
	refuse error
	taken  []string
	tries  int
	lines  []string
}

func newRig(t *testing.T, uri string) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir()}
	for _, name := range []string{"uri", "ca.crt"} {
		must.Do(t, os.Symlink(filepath.Join("..data", name), filepath.Join(r.dir, name)))
	}
	r.put(uri, "authority 1")
	files := []string{filepath.Join(r.dir, "ca.crt")}
	r.Watcher = New(Config{
		Read: func() (string, []string, error) {
			b, err := os.ReadFile(filepath.Join(r.dir, "uri"))
			if err != nil {
				return "", nil, errors.New("no such file")
			}
			return string(b), files, nil
		},
		Take: func(_ context.Context, uri string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.tries++; r.refuse != nil {
				return r.refuse
			}
			r.taken = append(r.taken, uri)
			return nil
		},
		Every: 10 * time.Second, Told: func(error) {},
		Log: funcr.New(func(_, args string) { r.mu.Lock(); defer r.mu.Unlock(); r.lines = append(r.lines, args) }, funcr.Options{}),
	}, uri, files)
	return r
}

// put swaps the whole directory in one step, as the kubelet does.
func (r *rig) put(uri, authority string) {
	r.t.Helper()
	next := must.Get(os.MkdirTemp(r.dir, ".."))(r.t)
	link := filepath.Join(r.dir, "..data_tmp")
	must.Do(r.t, errors.Join(
		os.WriteFile(filepath.Join(next, "uri"), []byte(uri), 0o600),
		os.WriteFile(filepath.Join(next, "ca.crt"), []byte(authority), 0o600),
		os.Symlink(filepath.Base(next), link), os.Rename(link, filepath.Join(r.dir, "..data")),
	))
}

func (r *rig) run(test func()) {
	ctx, stop := context.WithCancel(r.t.Context())
	var done sync.WaitGroup
	done.Go(func() { r.Run(ctx) })
	bubble.Wait()
	test()
	stop()
	done.Wait()
	for _, line := range r.lines {
		if strings.Contains(line, secret) {
			r.t.Errorf("the secret is in %s", line)
		}
	}
}

// after passes time, and gives what was taken and tried since the start, and the lines.
func (r *rig) after(d time.Duration) string {
	time.Sleep(d)
	bubble.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%d of %d, %d lines", len(r.taken), r.tries, len(r.lines))
}

func (r *rig) refusing(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refuse = err
}

func (r *rig) counts() (taken, tries, lines int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.taken), r.tries, len(r.lines)
}

func (r *rig) want(d time.Duration, want string) {
	r.t.Helper()
	if got := r.after(d); got != want {
		r.t.Errorf("after %v: %s, want %s", d, got, want)
	}
}

func TestChanges(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, "1"+secret)
		r.run(func() {
			r.want(time.Minute, "0 of 0, 0 lines")
			r.put("1"+secret, "authority 1") // swapped, and the same
			r.want(time.Minute, "0 of 0, 0 lines")
			r.put("2"+secret, "authority 1")
			r.want(12*time.Second, "1 of 1, 1 lines")
			r.put("2"+secret, "authority 2")
			r.want(12*time.Second, "2 of 2, 2 lines")
			r.want(time.Hour, "2 of 2, 2 lines")
			r.put("3"+secret, "authority 2")
			r.want(time.Second, "2 of 2, 2 lines")
			r.Look()
			r.want(time.Millisecond, "3 of 3, 3 lines")
		})
	})
}

// TestRefused: what is refused is tried again, calmly, and told once.
func TestRefused(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, "1"+secret)
		r.run(func() {
			r.refusing(errors.New("no such user yet"))
			r.put("2"+secret, "authority 1")
			r.want(12*time.Second, "0 of 1, 1 lines")
			r.want(50*time.Second, "0 of 6, 1 lines")
			for range 100 { // calls fail at every 10 ms
				r.Look()
				time.Sleep(10 * time.Millisecond)
			}
			if _, tries, _ := r.counts(); tries > 8 {
				t.Errorf("%d tries in a second", tries-6)
			}
			r.refusing(nil)
			r.Look()
			if got := r.after(2 * time.Second); !strings.HasPrefix(got, "1 of") || !strings.HasSuffix(got, "2 lines") {
				t.Error(got)
			}
			// A bad one that goes back to what is in force is no change.
			r.refusing(errors.New("unparsable"))
			r.put("3", "authority 1")
			r.after(12 * time.Second)
			r.put("2"+secret, "authority 1")
			_, before, _ := r.counts()
			r.after(time.Minute)
			if taken, tries, _ := r.counts(); tries != before || taken != 1 {
				t.Errorf("%d tries and %d taken of what is in force", tries-before, taken-1)
			}
		})
	})
}

func TestUnreadable(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, "1"+secret)
		r.run(func() {
			for _, name := range []string{"uri", "ca.crt"} {
				link := must.Get(os.Readlink(filepath.Join(r.dir, "..data")))(t)
				must.Do(t, os.Remove(filepath.Join(r.dir, link, name)))
				_, _, before := r.counts()
				r.after(time.Minute)
				if taken, tries, lines := r.counts(); taken != 0 || tries != 0 || lines != before+1 {
					t.Errorf("without %s: %d tries, %d lines", name, tries, lines-before)
				}
				r.put("1"+secret, "authority 1")
				r.after(time.Minute)
			}
			r.put("1"+secret, strings.Repeat("x", smallfile.Most+1))
			r.after(time.Minute)
			if _, tries, _ := r.counts(); tries != 0 {
				t.Error("a file that is too long was handed on")
			}
		})
	})
}

// TestFilesThatChangeBeforeTheFirstLook: what the client was made from is what New saw, not what the first look sees.
func TestFilesThatChangeBeforeTheFirstLook(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		r := newRig(t, "1"+secret)
		r.put("2"+secret, "authority 1")
		r.run(func() { r.want(12*time.Second, "1 of 1, 1 lines") })
	})
}

// TestPipesAreNotReadAgain: what a pipe gives it gives once, to whoever reads first, and who looks for more waits for a writer.
func TestPipesAreNotReadAgain(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "uri")
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	for _, name := range []string{pipe, "/dev/null"} {
		read := make(chan error, 1)
		go func() {
			_, err := ReadFile(name)
			read <- err
		}()
		if err := must.Come(t, read, "an answer about "+name); err == nil || !strings.Contains(err.Error(), "not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A writer that is there finds that nobody has taken what it wrote.
	both := must.Get(os.OpenFile(pipe, os.O_RDWR, 0))(t)
	defer both.Close()
	must.Get(both.WriteString("1"))(t)
	if _, err := digestOf("", []string{pipe}); err == nil {
		t.Error("a pipe was read")
	}
	left := make([]byte, 1)
	if _, err := both.Read(left); err != nil || left[0] != '1' {
		t.Errorf("left: %q, %v", left, err)
	}
}

// TestFilesThatAreTooLong: they are not read to their end, whatever their length.
func TestFilesThatAreTooLong(t *testing.T) {
	name := filepath.Join(t.TempDir(), "uri")
	f, err := os.Create(name)
	must.Do(t, errors.Join(err, f.Truncate(1<<40), f.Close()))
	if _, err := ReadFile(name); err == nil {
		t.Error("a file of a TiB was read")
	}
}
