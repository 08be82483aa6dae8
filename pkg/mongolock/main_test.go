package mongolock

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

// shared are the servers that the tests of this package have in common. Who
// kills one, or wants sign-in, starts one of its own (see startServer).
var shared struct {
	mu      sync.Mutex
	started []*devdb.Server // the server of choice, and the other one once it was needed
	lockers []*Locker       // of the examples
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	code := m.Run()
	var err error
	for _, l := range shared.lockers {
		err = errors.Join(err, l.Close(context.Background()))
	}
	for _, s := range shared.started {
		err = errors.Join(err, drop(s), s.Close())
	}
	if err = errors.Join(err, goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// CloseAfterTheTests is for examples, which have no end of their own.
func CloseAfterTheTests(l *Locker) { shared.lockers = append(shared.lockers, l) }

// TestDatabase is this run's: a server of the user's own may have been used before.
var TestDatabase = "mongogate_test_" + strings.ToLower(rand.Text()[:8])

func drop(s *devdb.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI))
	if err != nil {
		return err
	}
	return errors.Join(client.Database(TestDatabase).Drop(ctx), client.Disconnect(ctx))
}

// SharedServer is the server of choice, or SecantusDB where that one lacks something of need.
func SharedServer(need devdb.Need) (*devdb.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if len(shared.started) == 0 {
		if err := start(ctx, 0); err != nil {
			return nil, err
		}
	}
	if missing := shared.started[0].Missing(need); len(missing) > 0 && len(shared.started) == 1 {
		if err := start(ctx, need); err != nil {
			return nil, err
		}
	}
	for _, s := range shared.started {
		if len(s.Missing(need)) == 0 {
			return s, nil
		}
	}
	return shared.started[len(shared.started)-1], nil
}

func start(ctx context.Context, need devdb.Need) error {
	s, err := devdb.Start(ctx, need)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, s.Banner()) // standard output is the examples'
	shared.started = append(shared.started, s)
	return nil
}

// OnEachServer runs a test on the server of choice, and on SecantusDB too where that one is not MongoDB with change streams.
func OnEachServer(t *testing.T, test func(*testing.T, *devdb.Server)) {
	t.Helper()
	seen := map[*devdb.Server]bool{}
	for _, need := range []devdb.Need{0, devdb.ChangeStreams} {
		s := must.Get(SharedServer(need))(t)
		if !seen[s] {
			t.Run(string(s.Kind), func(t *testing.T) { test(t, s) })
		}
		seen[s] = true
	}
}

// sharedServer skips the test by name where even the second server lacks something.
func sharedServer(t *testing.T, need devdb.Need) *devdb.Server {
	t.Helper()
	s := must.Get(SharedServer(need))(t)
	if missing := s.Missing(need); len(missing) > 0 {
		t.Skipf("%s has no %v", s.Name, missing)
	}
	return s
}
