//go:build linux

package statedir

import (
	"errors"
	"os"
)

// stopped is the evidence that no process of the follower is left that was started under Token.
type stopped struct {
	Token int64 `json:"token"`
}

// markStopped says that nothing runs under the token. The caller has the follower's flock.
func (d *Dir) markStopped(token int64) error {
	return d.write(stoppedFile, 0o660, stopped{Token: token})
}

// MarkIdle says of a lease that has just been acquired that nothing runs under
// it yet. Where a follower of the lease before is still at work it says nothing: then there is no evidence.
func (d *Dir) MarkIdle(token int64) error {
	f, err := flock(d.path(followerLock))
	if errors.Is(err, ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(d.markStopped(token), f.Close())
}

// clearStopped is the follower's first act before it starts anything.
func (d *Dir) clearStopped() error {
	err := os.Remove(d.path(stoppedFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Stopped takes the follower's flock and tells whether nothing runs under the
// token. While the file that it returns is open no follower starts; the caller, who has rewritten the
// lease file as shut before, closes it when the lease is given back. nil: there is no evidence.
func (d *Dir) Stopped(token int64) (*os.File, error) {
	f, err := flock(d.path(followerLock))
	if errors.Is(err, ErrBusy) {
		return nil, nil //nolint:nilnil // a follower runs
	}
	if err != nil {
		return nil, err
	}
	var s stopped
	if err := read(d.path(stoppedFile), &s); err != nil || s.Token != token {
		_ = f.Close() //nolint:errcheck // nothing was written
		if errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		return nil, err
	}
	return f, nil
}
