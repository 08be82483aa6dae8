//go:build linux

package statedir

import (
	"errors"
	"os"
)

// stopped is the follower's word. While Running, its processes that were
// started under Token may live, even where its flock is free: it may have
// crashed. Otherwise it is the evidence that none of them is left.
type stopped struct {
	Token   int64  `json:"token"`
	BootID  string `json:"bootID"`
	Running bool   `json:"running,omitempty"`
}

// say writes a word. The caller has the follower's flock.
func (d *Dir) say(token int64, running bool) error {
	return d.write(stoppedFile, 0o660, stopped{Token: token, BootID: d.boot, Running: running})
}

// word reads it. One of another boot, whose processes have all ended, is none.
func (d *Dir) word() (stopped, error) {
	var s stopped
	err := read(d.path(stoppedFile), &s)
	if errors.Is(err, os.ErrNotExist) || err == nil && s.BootID != d.boot {
		return stopped{}, nil
	}
	return s, err
}

// MarkIdle says of a lease that nothing runs under it yet. It says nothing
// where a follower is at work, or was and did not live to say that it has
// ended: then there is no evidence. It may be repeated while the lease is held.
func (d *Dir) MarkIdle(token int64) error {
	f, err := flock(d.path(followerLock))
	if errors.Is(err, ErrBusy) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := d.same(); err != nil {
		return errors.Join(err, f.Close())
	}
	s, err := d.word()
	if err == nil && !s.Running && s.Token != token {
		err = d.say(token, false)
	}
	return errors.Join(err, f.Close())
}

// Stopped takes the follower's flock and tells whether nothing runs under the
// token. While the file that it returns is open no follower starts; the caller shuts the lease file, gives
// the lease back and only then closes it. nil: there is no evidence.
func (d *Dir) Stopped(token int64) (*os.File, error) {
	f, err := flock(d.path(followerLock))
	if errors.Is(err, ErrBusy) {
		return nil, nil //nolint:nilnil // a follower runs
	}
	if err != nil {
		return nil, err
	}
	if err := d.same(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if s, err := d.word(); err != nil || s.Running || s.Token != token {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// Crashed says that there will be no evidence of what a follower ran: its last word is that it runs, and its flock is
// free, so it has ended without a word; or the directory in which it would leave its word is another one by now.
func (d *Dir) Crashed() (bool, error) {
	if d.same() != nil {
		return true, nil //nolint:nilerr // that is the answer
	}
	f, err := flock(d.path(followerLock))
	if errors.Is(err, ErrBusy) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s, err := d.word()
	return s.Running, errors.Join(err, f.Close())
}
