package mongolock_test

import (
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
	"github.com/mongogate/mongogate/test/devdb"
)

// TestConformance runs the suite on every server that there is for it.
func TestConformance(t *testing.T) {
	mongolock.OnEachServer(t, func(t *testing.T, s *devdb.Server) {
		t.Log(s.Banner())
		locktest.Run(t, locktest.MongoDB(t, s.URI), locktest.Features{Collection: true, ChangeStreams: len(s.Missing(devdb.ChangeStreams)) == 0})
	})
}
