//go:build linux

package guard_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/internal/guard"
)

// The test binary is every process of the tests but the commands: the witness
// (the tests), the gate (gateName) and, executed by the gate, the guard.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case guard.Name:
			os.Exit(guard.Main(os.Args[2:]))
		case otherTimeName:
			os.Exit(otherTimeMain())
		case gateName:
			os.Exit(gateMain(os.Args[2]))
		}
	}
	goleak.VerifyTestMain(m)
}
