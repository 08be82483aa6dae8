// Package atomicfile writes files in one step.
//
// Promised: whoever opens the name finds the file that was there or all of the new one, with its mode; a write that fails
// leaves the file that was there, and nothing else. Not promised: that the new file outlives a crash of the machine.
package atomicfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Write replaces the file at path by one with what fill writes. The mode does not depend on the umask.
func Write(path string, mode os.FileMode, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(fill(f), f.Chmod(mode), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}
