package mongolock_test

import (
	"os"
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock/locktest"
)

func TestConformance(t *testing.T) {
	locktest.Run(t, os.Getenv("MONGOGATE_TEST_URI"), locktest.Features{ChangeStreams: os.Getenv("STREAMS") != ""})
}
