package mongolock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/internal/devdb"
)

// shared are the servers that the tests of this package have in common. Who
// kills one, or wants sign-in, starts one of its own (see startServer).
var shared struct {
	mu      sync.Mutex
	started map[devdb.Kind]*devdb.Server
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	code := m.Run()
	var err error
	for _, s := range shared.started {
		err = errors.Join(err, s.Close())
	}
	if err = errors.Join(err, goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// SharedServer is the server of choice, or SecantusDB where that one lacks something of need.
func SharedServer(need devdb.Need) (*devdb.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	for _, s := range shared.started {
		if len(s.Missing(need)) == 0 {
			return s, nil
		}
	}
	s, err := devdb.Start(ctx, need)
	if err != nil {
		return nil, err
	}
	fmt.Println(s.Banner())
	if shared.started == nil {
		shared.started = map[devdb.Kind]*devdb.Server{}
	}
	if old := shared.started[s.Kind]; old != nil {
		return old, s.Close()
	}
	shared.started[s.Kind] = s
	return s, nil
}

// sharedServer skips the test by name where even the second server lacks something.
func sharedServer(t *testing.T, need devdb.Need) *devdb.Server {
	t.Helper()
	s, err := SharedServer(need)
	if err != nil {
		t.Fatal(err)
	}
	if missing := s.Missing(need); len(missing) > 0 {
		t.Skipf("%s has no %v", s.Name, missing)
	}
	return s
}

// startServer starts a server for one test.
func startServer(t *testing.T, need devdb.Need) *devdb.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	s, err := devdb.Start(ctx, need)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if missing := s.Missing(need); len(missing) > 0 {
		t.Skipf("%s has no %v", s.Name, missing)
	}
	return s
}
