//go:build linux

package fence

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// sentinel is the file that says that the lock is lost. A write that was under
// way when the gate opened does not bring it back.
type sentinel struct {
	path string

	mu    sync.Mutex // of what follows
	opens int        // how often it was removed

	files sync.Mutex // held while the file is written or removed
}

// writer gives what writes the file as of now, to be called by a goroutine.
func (s *sentinel) writer(reason string) func() error {
	s.mu.Lock()
	asOf := s.opens
	s.mu.Unlock()
	return func() error {
		s.files.Lock()
		defer s.files.Unlock()
		s.mu.Lock()
		late := s.opens != asOf
		s.mu.Unlock()
		if late || s.path == "" {
			return nil
		}
		return writeFile(s.path, reason+"\n")
	}
}

// remove removes the file, and what is still being written.
func (s *sentinel) remove() error {
	s.mu.Lock()
	s.opens++
	s.mu.Unlock()
	if s.path == "" {
		return nil
	}
	s.files.Lock()
	defer s.files.Unlock()
	if err := os.Remove(s.path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// writeFile writes a file in one step, for every user to read.
func writeFile(path, text string) error {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(filepath.Clean(dir), 0o755); err != nil { //nolint:gosec // for the workload to read
		return err
	}
	f, err := os.CreateTemp(dir, "."+name+"-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
