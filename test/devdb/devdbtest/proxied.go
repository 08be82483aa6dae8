package devdbtest

import (
	"testing"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/faultproxy"
)

// Proxied is a proxy before the member of a server that takes writes, whatever
// URI leads to it, and the URI that leads through the proxy. It is closed with the test, which is skipped
// by name where the connection is encrypted: the proxy could see no command in it.
func Proxied(t testing.TB, server *devdb.Server) (p *faultproxy.Proxy, uri string) {
	t.Helper()
	if server.Features&devdb.TLS != 0 && server.Kind == devdb.External {
		t.Skipf("%s is reached by TLS, in which a proxy sees no command", server.Name)
	}
	address, err := server.Primary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p, err = faultproxy.Listen(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	if uri, err = p.URI(server.URI); err != nil {
		t.Fatal(err)
	}
	return p, uri
}
