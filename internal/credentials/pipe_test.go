package credentials

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestPipesAreNotReadAgain: what a pipe gives it gives once, to whoever reads first, and who looks for more waits for a writer.
func TestPipesAreNotReadAgain(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "uri")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{pipe, "/dev/null"} {
		read := make(chan error, 1)
		go func() {
			_, err := ReadFile(name)
			read <- err
		}()
		select {
		case err := <-read:
			if err == nil || !strings.Contains(err.Error(), "not a regular file") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: reading waits", name)
			w, err := os.OpenFile(name, os.O_WRONLY, 0) // let it end
			if err := errors.Join(err, w.Close(), <-read); err != nil {
				t.Log(err)
			}
		}
	}
	// A writer that is there finds that nobody has taken what it wrote.
	both, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	if _, err := both.WriteString("1"); err != nil {
		t.Fatal(err)
	}
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
	if err := errors.Join(err, f.Truncate(1<<40), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadFile(name); err == nil {
		t.Error("a file of a TiB was read")
	}
}
