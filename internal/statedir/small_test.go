//go:build linux

package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/smallfile"
)

// Whatever somebody who may write in the directory has put in the place of a file: it is not waited for, and not read without end.
func TestStateFilesAreSmall(t *testing.T) {
	dir := t.TempDir()
	d, err := Open(dir, "k")
	if err != nil {
		t.Fatal(err)
	}
	for name, put := range map[string]func(path string) error{
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"a device": func(path string) error { return os.Symlink("/dev/zero", path) },
		"a large file": func(path string) error {
			return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<30))
		},
	} {
		path := filepath.Join(d.Path(), leaseFile)
		if err := errors.Join(os.RemoveAll(path), put(path)); err != nil {
			t.Fatal(err)
		}
		read := make(chan error, 1)
		go func() {
			_, err := d.ReadLease()
			read <- err
		}()
		select {
		case err := <-read:
			if !errors.Is(err, smallfile.ErrIrregular) && !errors.Is(err, smallfile.ErrLarge) {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is waited for", name)
		}
	}
}
