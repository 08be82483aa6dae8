package fakemongo

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if started != nil {
		if err := started.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

var started *devdb.Server

// realServer starts what the fake is compared with, once. That is MongoDB's
// engine, of one known version, and not whichever server is at hand: error
// codes and corners of expressions differ between versions, and SecantusDB is
// another implementation. MONGOGATE_TEST_URI goes before it; then codes are not compared.
var realServer = sync.OnceValues(func() (*devdb.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	kind := devdb.Engine
	if os.Getenv("MONGOGATE_TEST_URI") != "" {
		kind = devdb.External
	}
	s, err := devdb.StartKind(ctx, kind, devdb.Options{})
	if err != nil {
		return nil, err
	}
	started = s
	fmt.Println(s.Banner())
	return s, nil
})

func sameCodes(t *testing.T) bool {
	t.Helper()
	s := must.Get(realServer())(t)
	return s.Kind == devdb.Engine
}
