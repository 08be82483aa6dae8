//go:build linux

package agent

import (
	"fmt"
	"os"
	"strings"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/telemetry"
)

// silenceDriver takes the variables away by which MongoDB's driver is made to log (MONGODB_LOG_ALL and others, which are
// often set for the command). It logs in the middle of each call and waits for the log's reader: a renewal would wait for a pipe that
// nobody reads. The command inherits them all the same.
func silenceDriver(log logr.Logger) error {
	told := false
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if !strings.HasPrefix(name, "MONGODB_LOG_") {
			continue
		}
		if err := os.Unsetenv(name); err != nil {
			return fmt.Errorf("environment: %w", err)
		}
		if !told {
			telemetry.Warn(log, "the log of MongoDB's driver is off in the gate, not in the command", "variable", name)
		}
		told = true
	}
	return nil
}
