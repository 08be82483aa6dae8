package faultproxy

import (
	"os"
	"testing"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbmain"
)

// database is the real server behind the proxies of this package's tests.
var database *devdb.Server

func TestMain(m *testing.M) { os.Exit(devdbmain.Run(m, &database, devdbmain.Start)) }
