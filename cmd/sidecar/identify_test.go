//go:build linux

package main

import (
	"testing"

	"github.com/mongogate/mongogate/test/devdb/devdbtest"
)

// TestStoreIsIdentifiedLater: a gate that began while the store was away says which it is once that is known. With a
// lease of a store that it does not know it could not go on over new credentials, once the old ones are refused.
func TestStoreIsIdentifiedLater(t *testing.T) {
	p, uri := devdbtest.Proxied(t, rig.server)
	p.Cut()
	g := startGate(t, []string{
		"MONGOGATE_URI=" + uri, "MONGOGATE_DATABASE=cli_identify", "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + t.TempDir(),
		"MONGOGATE_TTL=30s", "MONGOGATE_HEARTBEAT=2s", "MONGOGATE_OPERATION_TIMEOUT=2s",
	}, false, "run", "--", "sleep", "300")
	g.await(t, "the store could not be identified yet")
	p.Heal()
	g.await(t, "gate open")
	g.await(t, "fingerprint")
}
