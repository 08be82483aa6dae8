package devdbtest

import (
	"testing"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/faultproxy"
	"github.com/mongogate/mongogate/test/must"
)

// Proxied is a proxy before the member of a server that takes writes, whatever
// URI leads to it, and the URI that leads through the proxy. It is closed with the test, which is skipped
// by name where the connection is encrypted: the proxy could see no command in it.
func Proxied(t testing.TB, server *devdb.Server) (p *faultproxy.Proxy, uri string) {
	t.Helper()
	if server.Features&devdb.TLS != 0 && server.Kind == devdb.External {
		t.Skipf("%s is reached by TLS, in which a proxy sees no command", server.Name)
	}
	address := must.Get(server.Primary(t.Context()))(t)
	p = must.Get(faultproxy.Listen(address))(t)
	must.AtEnd(t, p.Close)
	uri = must.Get(p.URI(server.URI))(t)
	return p, uri
}
