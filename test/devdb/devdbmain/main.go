// Package devdbmain is TestMain for packages whose tests share one database.
package devdbmain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/test/devdb"
)

// Start starts the server of choice.
func Start(ctx context.Context) (*devdb.Server, error) { return devdb.Start(ctx, 0) }

// StartEngine starts the engine, whatever server is named.
func StartEngine(ctx context.Context) (*devdb.Server, error) {
	return devdb.StartKind(ctx, devdb.Engine, devdb.Options{})
}

// Run starts a server, runs the tests with it, and ends it. It is the exit code: no goroutine may be left.
func Run(m *testing.M, server **devdb.Server, start func(context.Context) (*devdb.Server, error)) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // the first start installs it
	defer cancel()
	var err error
	if *server, err = start(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println((*server).Banner())
	code := m.Run()
	if err = errors.Join((*server).Close(), goleak.Find()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}
