//go:build linux

package statedir

import (
	"errors"
	"os"
)

// nonces are the acquisitions of this key by gates of this machine, of which
// at most one is the lease that stands.
type nonces struct {
	BootID string   `json:"bootID"`
	Place  string   `json:"place"`
	Nonces []string `json:"nonces"`
}

// maxNonces is how many acquisitions of unknown outcome are kept: more crashes
// in a row than that cost a ttl + grace.
const maxNonces = 16

// Nonces are those by which a lease may be adopted: of this boot only, only by who holds the flock, and only in the
// directory that they were written in. Who finds a copy of them has another flock, and the gate that they are of may live.
func (d *Dir) Nonces() ([]string, error) {
	if !d.Locked() {
		return nil, nil
	}
	var (
		n    nonces
		path *os.PathError
	)
	err := read(d.path(nonceFile), &n)
	switch {
	case errors.As(err, &path) && !errors.Is(err, os.ErrNotExist):
		return nil, err
	case err != nil || n.BootID != d.boot:
		// What is no list of nonces costs an adoption, as if it were not there; it must not keep the gate from its lock.
		return nil, nil //nolint:nilerr // see above
	}
	here, err := place(d.dir)
	if err != nil || n.Place != here {
		return nil, err
	}
	return n.Nonces, nil
}

// AddNonce keeps a nonce beside those that are there: it is called before the acquire with it is sent.
func (d *Dir) AddNonce(nonce string) error {
	old, err := d.Nonces()
	if err != nil {
		return err
	}
	if len(old) >= maxNonces {
		old = old[len(old)-maxNonces+1:]
	}
	return d.setNonces(append(old, nonce))
}

// KeepNonces forgets all nonces but these: they are the lease, or there is none.
func (d *Dir) KeepNonces(keep ...string) error { return d.setNonces(keep) }

func (d *Dir) setNonces(n []string) error {
	if !d.Locked() {
		return ErrBusy
	}
	here, err := place(d.dir)
	if err != nil {
		return err
	}
	return d.write(nonceFile, 0o600, nonces{BootID: d.boot, Place: here, Nonces: n})
}
