package mongolock_test

import (
	"testing"

	"github.com/mongogate/mongogate/internal/devdb"
	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
)

// TestConformance runs the suite on the server of choice, and on SecantusDB
// too where that one is not MongoDB with change streams.
func TestConformance(t *testing.T) {
	first, err := devdb.Start(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	servers := []*devdb.Server{first}
	t.Cleanup(func() {
		for _, s := range servers {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	if len(first.Missing(devdb.ChangeStreams)) > 0 {
		second, err := devdb.StartKind(t.Context(), devdb.Secantus, devdb.Options{})
		if err != nil {
			t.Fatal(err)
		}
		servers = append(servers, second)
	}
	for _, s := range servers {
		t.Run(s.Name, func(t *testing.T) {
			t.Log(s.Banner())
			locktest.Run(t, s.URI, locktest.Features{ChangeStreams: len(s.Missing(devdb.ChangeStreams)) == 0})
		})
	}
}
