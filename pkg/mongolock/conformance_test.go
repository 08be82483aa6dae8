package mongolock_test

import (
	"testing"

	"github.com/mongogate/mongogate/internal/devdb"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
)

// TestConformance runs the suite on the server of choice, and on SecantusDB
// too where that one is not MongoDB with change streams.
func TestConformance(t *testing.T) {
	seen := map[*devdb.Server]bool{}
	for _, need := range []devdb.Need{0, devdb.ChangeStreams} {
		s, err := mongolock.SharedServer(need)
		if err != nil {
			t.Fatal(err)
		}
		if seen[s] {
			continue
		}
		seen[s] = true
		t.Run(string(s.Kind), func(t *testing.T) {
			t.Log(s.Banner())
			locktest.Run(t, s.URI, locktest.Features{ChangeStreams: len(s.Missing(devdb.ChangeStreams)) == 0})
		})
	}
}
