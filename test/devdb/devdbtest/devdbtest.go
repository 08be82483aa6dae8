// Package devdbtest gives a test a database of its own.
package devdbtest

import (
	"context"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

// Start starts a server that lives as long as the test, and skips the test by
// name where no database at hand has what it needs.
func Start(t testing.TB, need devdb.Need) *devdb.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute) // the first start installs it
	defer cancel()
	server := must.Get(devdb.Start(ctx, need))(t)
	must.AtEnd(t, server.Close)
	t.Log(server.Banner())
	if missing := server.Missing(need); len(missing) > 0 {
		t.Skipf("%s has no %v", server.Name, missing)
	}
	return server
}

// CloseLater closes at the end of the test what speaks to a database.
func CloseLater(t testing.TB, c interface{ Close(context.Context) error }) {
	t.Helper()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}
