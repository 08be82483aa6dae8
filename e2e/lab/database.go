//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/mongogate/mongogate/internal/devdb"
	"github.com/mongogate/mongogate/internal/faultproxy"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Database is the one that all scenarios share, each under keys and through
// proxies of its own.
type Database struct {
	// Locker sees the lock collection directly, past all proxies.
	*mongolock.Locker
	Banner string

	server *devdb.Server
	host   net.IP
}

// openDatabase starts one, or uses that of MONGOGATE_TEST_URI.
func openDatabase(ctx context.Context, host net.IP) (*Database, error) {
	server, err := devdb.Start(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	locker, err := mongolock.Connect(server.URI, mongolock.Options{Owner: "e2e"})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), server.Close())
	}
	return &Database{Locker: locker, Banner: server.Banner(), server: server, host: host}, nil
}

func (d *Database) close() error {
	return errors.Join(d.Locker.Close(context.Background()), d.server.Close())
}

// Proxy starts one that pods reach, and gives the URI that leads through it.
func (d *Database) Proxy() (*faultproxy.Proxy, string, error) { return ProxyTo(d.server, d.host) }

// ProxyTo is Proxy for another server.
func ProxyTo(server *devdb.Server, host net.IP) (*faultproxy.Proxy, string, error) {
	target := server.Addr()
	if target == "" { // not ours: it is in the URI
		target = firstHost(server.URI)
	}
	proxy, err := faultproxy.ListenOn(host, target)
	if err != nil {
		return nil, "", fmt.Errorf("lab: a proxy at %s (%s): %w", host, EnvHost, err)
	}
	uri, err := proxy.URI(server.URI)
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("lab: %w", err), proxy.Close())
	}
	return proxy, uri, nil
}

// firstHost is the first host and port of a connection string.
func firstHost(uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	authority, _, _ := strings.Cut(rest, "/")
	host, _, _ := strings.Cut(authority[strings.LastIndex(authority, "@")+1:], ",")
	if _, _, err := net.SplitHostPort(host); err != nil {
		host = net.JoinHostPort(host, "27017")
	}
	return host
}
