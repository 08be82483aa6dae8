package sim

import (
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// TestConformance runs the lock's conformance suite on the server of the
// simulation, so that what holds there is what was meant to hold.
func TestConformance(t *testing.T) {
	c := fakemongo.New(fakemongo.Options{ReplicaSet: "rs"})
	t.Cleanup(c.Close)
	address := must.Get(c.Listen(0))(t)
	locktest.Run(t, locktest.MongoDB(t, "mongodb://"+address+"/?directConnection=true"), locktest.Features{Collection: true})
}
