//go:build unix

// Package smallfile reads files that ought to be small: settings, secrets, certificates, what a gate keeps on its machine.
//
// Promised: no more is read than was asked for, whatever the name leads to (a device, a pipe without end, a file that
// somebody has replaced); a name that leads to nothing that ends is an error that says so. Not promised: that a file
// system which hangs answers; [Once] gives up after a time, [Read] does not.
package smallfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Most is more than any certificate or configuration file has.
const Most = 1 << 20

var (
	// ErrIrregular says that a name leads to a pipe, a terminal, a device or a directory.
	ErrIrregular = errors.New("not a regular file")
	// ErrLarge says that there is more in a file than it ought to have.
	ErrLarge = errors.New("it is too large")
	// ErrSilent says that a pipe has no writer, or one that does not write, or that the file system hangs.
	ErrSilent = errors.New("no data in time")
)

// Read reads an ordinary file of at most most bytes, as often as one likes. It does not wait for a pipe's writer, and takes nothing from whom it is for.
func Read(name string, most int64) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the caller names it
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrIrregular}
	}
	return all(f, name, most)
}

// Once reads what may be a pipe, such as a shell's <(…): at most most bytes, and for no longer than within.
func Once(name string, most int64, within time.Duration) ([]byte, error) {
	type read struct {
		b   []byte
		err error
	}
	done := make(chan read, 1)
	go func() { // ends with its read, or with the process: who waits for a pipe's writer waits in the kernel
		f, err := os.Open(name) //nolint:gosec // the user names it
		if err != nil {
			done <- read{nil, err}
			return
		}
		defer f.Close()
		b, err := all(f, name, most)
		done <- read{b, err}
	}()
	select {
	case r := <-done:
		return r.b, r.err
	case <-time.After(within):
		return nil, &fs.PathError{Op: "read", Path: name, Err: ErrSilent}
	}
}

func all(f *os.File, name string, most int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		return nil, &fs.PathError{Op: "read", Path: name, Err: fmt.Errorf("%w: more than %d bytes", ErrLarge, most)}
	}
	return b, err
}
