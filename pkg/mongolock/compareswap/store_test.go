package compareswap_test

import (
	"os"
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/mongolock/compareswap"
	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbmain"
)

var database *devdb.Server

func TestMain(m *testing.M) { os.Exit(devdbmain.Run(m, &database, devdbmain.Start)) }

func TestConformance(t *testing.T) {
	locktest.Run(t, swapped{locktest.MongoDB(t, database.URI)}, locktest.Features{})
}

// swapped is a server with this store on it.
type swapped struct{ *locktest.Server }

func (s swapped) Locker(o mongolock.Options) (*mongolock.Locker, error) {
	return mongolock.NewWithStore(compareswap.New(s.Coll), o)
}
