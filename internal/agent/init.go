//go:build linux

package agent

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Init waits for the lock and leaves it to a sidecar of the same pod.
func Init(ctx context.Context, w World, s *settings.Settings) error {
	ses, err := newSession(w, s, true)
	if err != nil {
		return err
	}
	defer ses.close()
	ses.log.Info("init protects nothing after ttl + grace: a sidecar adopts the lease", "key", s.Lock.Key)
	asked, stop := signal.NotifyContext(ctx, asking(s)...)
	defer stop()
	lease, err := ses.sidecarLock(nil, nil).obtain(asked)
	if err != nil && asked.Err() != nil {
		return &Exit{128 + int(syscall.SIGTERM), fmt.Errorf("stopped while waiting for lock %q", s.Lock.Key)}
	}
	if err != nil {
		return err
	}
	return ses.leaveToSidecar(lease)
}

// leaveToSidecar writes the lease file. The nonce is in the state directory already; the lease lives on without this process.
func (ses *session) leaveToSidecar(lease mongolock.AnyLease) error {
	l := statedir.Lease{Key: lease.Key(), Holder: ses.s.Owner, Token: lease.Token(), Deadline: lease.Deadline(), KillBudget: ses.s.Budget().Kill, Open: true}
	if err := ses.dir.WriteLease(l); err != nil {
		return &Exit{ExitMachine, fmt.Errorf("leaving the lease to the sidecar: %w", err)}
	}
	lease.Leave()
	return nil
}
