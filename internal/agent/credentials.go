//go:build linux

package agent

import (
	"context"
	"time"

	"github.com/mongogate/mongogate/internal/credentials"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// rotatedEvery is the longest time between two looks at the files of the connection while nothing fails.
const rotatedEvery = 10 * time.Second

// rotated looks after the files that the connection is made from: with new credentials in them the lease goes on over a
// new client. nil where there are no files.
func (ses *session) rotated() *credentials.Watcher {
	s := ses.s
	if !s.FromFiles() {
		return nil
	}
	return credentials.New(credentials.Config{
		Read: func() (string, []string, error) {
			uri, files, err := s.Reread(credentials.ReadFile)
			return uri.Reveal(), files, err
		},
		Take: func(ctx context.Context, uri string) error { return ses.locker.Reconnect(ctx, uri) },
		// A lease has to outlive what a poll leaves unseen.
		Every: min(rotatedEvery, s.Timing().Heartbeat),
		Told:  ses.metrics.Rotated,
		Log:   ses.log,
	}, s.URI.Reveal(), s.Files())
}

// rotate looks at the files until the session ends.
func (ses *session) rotate() {
	if ses.rotation == nil {
		return
	}
	ses.rotating = make(chan struct{})
	go func() {
		defer close(ses.rotating)
		ses.rotation.Run(ses.ctx)
	}()
}

// stopRotating leaves a look some time to end. It may hang in a network file
// system or in the resolver, for which the end of a process does not wait.
func (ses *session) stopRotating() {
	if ses.rotating == nil {
		return
	}
	select {
	case <-ses.rotating:
	case <-time.After(time.Second):
	}
}

// answered looks at the credentials when a call failed: they may have been revoked.
func (ses *session) answered(e mongolock.Event) {
	switch e.Kind {
	case mongolock.EventUnknown:
		if ses.rotation != nil {
			ses.rotation.Look()
		}
	case mongolock.EventWaiting, mongolock.EventAcquired, mongolock.EventRenewed:
		ses.reached.Store(true)
	case mongolock.EventLost, mongolock.EventSuccessor, mongolock.EventFinished, mongolock.EventDropped:
	}
}
