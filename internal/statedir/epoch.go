//go:build linux

package statedir

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// epochs is the file of the base directory that names the epoch: the time
// between two starts of all containers of a pod. No key's directory is called so, see [name].
const epochs = "%.epoch"

// ErrNoEpoch says that nobody has begun an epoch.
var ErrNoEpoch = errors.New("no epoch has begun")

// epoch is the file of the base directory.
type epoch struct {
	Epoch string `json:"epoch"`
}

// Hold is what a gate notes before it opens: in which epoch it does.
type Hold struct {
	Epoch string `json:"epoch"`
	// Asked is true once the gate was told to end: what ends it then is no sign of a protection that failed.
	Asked bool `json:"asked,omitempty"`
	// Tried is true once a gate has ended by itself, with the exit code that asks for a restart of all containers.
	Tried bool `json:"tried,omitempty"`
}

// BeginEpoch begins an epoch in a base directory, for the gates of all keys, and names it.
func BeginEpoch(base string) (string, error) {
	if err := makeBase(base); err != nil {
		return "", fmt.Errorf("state directory: %w", err)
	}
	if err := local(base); err != nil {
		return "", err
	}
	e := epoch{Epoch: rand.Text()}
	// No secret, and the gate may be another user.
	return e.Epoch, replace(base, epochs, 0o644, e)
}

// Epoch names the epoch; [ErrNoEpoch] where none has begun.
func (d *Dir) Epoch() (string, error) {
	path := filepath.Join(filepath.Dir(d.dir), epochs)
	var e epoch
	err := read(path, &e)
	if errors.Is(err, os.ErrNotExist) || err == nil && e.Epoch == "" {
		return "", fmt.Errorf("%w: %s", ErrNoEpoch, path)
	}
	return e.Epoch, err
}

// NoteHold keeps a hold. The caller holds the flock.
func (d *Dir) NoteHold(h Hold) error {
	if !d.Locked() {
		return fmt.Errorf("noting the epoch: %w", ErrBusy)
	}
	return d.write(holdFile, 0o600, h)
}

// ForgetHold forgets it: nothing is left of what ran under it. The caller holds the flock.
func (d *Dir) ForgetHold() error { return d.NoteHold(Hold{}) }

// Held is the last hold that was noted; empty where there is none.
func (d *Dir) Held() (Hold, error) {
	var h Hold
	err := read(d.path(holdFile), &h)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return h, err
}
