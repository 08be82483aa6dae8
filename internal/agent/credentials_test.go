//go:build linux

package agent

import (
	"context"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/credentials"
)

// TestCloseWaitsForNoFile: a look at the credentials may hang, in a network file system or in a resolver.
func TestCloseWaitsForNoFile(t *testing.T) {
	ses := &session{}
	ses.ctx, ses.end = context.WithCancel(t.Context())
	looking, hang := make(chan struct{}), make(chan struct{})
	ses.rotation = credentials.New(credentials.Config{
		Read: func() (string, []string, error) {
			close(looking)
			<-hang
			return "", nil, nil
		},
		Every: time.Hour, Log: logr.Discard(),
	}, "", nil)
	ses.rotate()
	ses.rotation.Look()
	<-looking
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		ses.close()
	}()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Error("the session waits for the file")
	}
	close(hang)
	<-ses.rotating
	<-closed
}
