//go:build linux

package scenario_test

import (
	"os"
	"testing"

	"github.com/mongogate/mongogate/e2e/scenario"
)

func TestMain(m *testing.M) { os.Exit(scenario.Main(m, os.Stdout)) }
