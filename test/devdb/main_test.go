//go:build unix

package devdb

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv("DEVDB_TEST_CHILD"); kind != "" {
		childMain(Kind(kind))
	}
	goleak.VerifyTestMain(m)
}
