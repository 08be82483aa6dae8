//go:build unix

package smallfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	file, large, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "large"), filepath.Join(dir, "pipe")
	for name, size := range map[string]int{file: 100, large: 101} {
		must.Do(t, os.WriteFile(name, []byte(strings.Repeat("x", size)), 0o600))
	}
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	link := filepath.Join(dir, "link")
	must.Do(t, os.Symlink("/dev/zero", link))
	for name, want := range map[string]error{
		file: nil, large: ErrLarge, pipe: ErrIrregular, "/dev/zero": ErrIrregular, link: ErrIrregular, "/dev/tty": nil, dir: ErrIrregular,
		filepath.Join(dir, "none"): os.ErrNotExist,
	} {
		began := time.Now()
		b, err := Read(name, 100)
		switch {
		case name == "/dev/tty": // there may be none
			if err == nil {
				t.Errorf("%s: read", name)
			}
		case !errors.Is(err, want) || want == nil && len(b) != 100:
			t.Errorf("%s: %d bytes, %v, want %v", name, len(b), err, want)
		}
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		}
	}
}

func TestOnce(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	if _, err := Once("/dev/zero", 100, time.Minute); !errors.Is(err, ErrLarge) {
		t.Errorf("/dev/zero: %v", err)
	}
	if _, err := Once(dir, 100, time.Minute); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Once(pipe, 100, 50*time.Millisecond); !errors.Is(err, ErrSilent) {
		t.Errorf("a pipe without a writer: %v", err)
	}
	w := must.Get(os.OpenFile(pipe, os.O_RDWR, 0))(t) // lets the one that waits go on
	if _, err := Once(pipe, 100, 50*time.Millisecond); !errors.Is(err, ErrSilent) {
		t.Errorf("a writer that does not write: %v", err)
	}
	_ = w.Close()
	// Another pipe: one that reads the first may still be there.
	pipe = filepath.Join(dir, "second")
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	go func() {
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err == nil {
			_, _ = w.WriteString("uri")
			_ = w.Close()
		}
	}()
	if b, err := Once(pipe, 100, time.Minute); err != nil || string(b) != "uri" {
		t.Errorf("a pipe: %q, %v", b, err)
	}
}

// TestNoMoreIsTaken: whoever writes without end keeps what is more than was asked for and a pipe holds.
func TestNoMoreIsTaken(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must.Do(t, syscall.Mkfifo(pipe, 0o600))
	written := make(chan int, 1)
	go func() {
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			written <- -1
			return
		}
		defer w.Close()
		total := 0
		for block := make([]byte, 4096); ; {
			n, err := w.Write(block)
			total += n
			if err != nil { // nobody reads any more
				written <- total
				return
			}
		}
	}()
	if _, err := Once(pipe, 100, time.Minute); !errors.Is(err, ErrLarge) {
		t.Errorf("%v, want %v", err, ErrLarge)
	}
	const held = 1 << 20 // pipe(7): 64 KiB, and no more than this without a privilege
	if total := <-written; total < 1 || total > held+4096 {
		t.Errorf("%d bytes were taken", total)
	}
}
