package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// holds fails unless a directory has one file of that name, text and mode.
func holds(t *testing.T, dir, name, want string, mode os.FileMode) {
	t.Helper()
	all := must.Get(os.ReadDir(dir))(t)
	if len(all) != 1 || all[0].Name() != name {
		t.Fatalf("in the directory: %v", all)
	}
	if got := must.Get(os.ReadFile(filepath.Join(dir, name)))(t); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := must.Get(all[0].Info())(t).Mode(); got != mode {
		t.Errorf("mode %v, want %v", got, mode)
	}
}

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must.Do(t, Write(path, 0o640, text("old")))
	holds(t, dir, "file", "old", 0o640)
	must.Do(t, Write(path, 0o606, func(w io.Writer) error {
		if got := must.Get(os.ReadFile(path))(t); string(got) != "old" {
			t.Errorf("in the middle of it there is %q", got)
		}
		return text("new")(w)
	}))
	holds(t, dir, "file", "new", 0o606)
	broken := errors.New("no more")
	if err := Write(path, 0o640, func(w io.Writer) error { return errors.Join(text("half")(w), broken) }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	holds(t, dir, "file", "new", 0o606)
}

// A directory of that name is in the way.
func TestWriteThatCannotBeNamed(t *testing.T) {
	dir := t.TempDir()
	must.Do(t, os.Mkdir(filepath.Join(dir, "file"), 0o700))
	if err := Write(filepath.Join(dir, "file"), 0o640, text("new")); err == nil {
		t.Error("a directory was replaced")
	}
	if all := must.Get(os.ReadDir(dir))(t); len(all) != 1 {
		t.Errorf("left behind: %v", all)
	}
}

// A name without a directory is of the working directory, and not of the one for temporary files.
func TestWriteBesideTheProcess(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("TMPDIR", filepath.Join(dir, "none"))
	must.Do(t, Write("file", 0o640, text("new")))
	holds(t, dir, "file", "new", 0o640)
}
