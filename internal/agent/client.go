//go:build linux

package agent

import (
	"context"
	"fmt"
	"time"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// OtherStore is the error for a store that is not the one of --expect-store.
func OtherStore(s *settings.Settings, fingerprint string) error {
	if s.ExpectStore == "" || s.ExpectStore == fingerprint {
		return nil
	}
	return &Exit{settings.ExitUsage, problem.Problem{Field: "expect-store", Message: fmt.Sprintf("this is store %s, not %q", fingerprint, s.ExpectStore), Remedy: "correct the URI or the expectation"}}
}

// CloseLocker ends a client, or leaves that to the end of the process: the driver
// (2.9.3) now and then waits for its monitor of a server to come back from a
// call of up to 10 s, whatever it is told.
func CloseLocker(l *mongolock.Locker) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	closed := make(chan error, 1)
	go func() { closed <- l.Close(ctx) }()
	select {
	case err := <-closed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settle waits for what came of an acquisition that was cut short: nobody else would undo it. A store that does
// not answer within two calls holds the end of the program up no longer: what it did after all runs out by itself.
func settle(l *mongolock.Locker) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*l.Timing().Operation)
	defer cancel()
	return l.Settle(ctx)
}
