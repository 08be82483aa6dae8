//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/faultproxy"
)

// Database is a server, and the lock collection in it.
type Database struct {
	// Locker sees the lock collection directly, past all proxies.
	*mongolock.Locker
	Server *devdb.Server

	host net.IP
}

// OpenDatabase starts one. Close it.
func (l *Lab) OpenDatabase(ctx context.Context, options devdb.Options) (*Database, error) {
	server, err := devdb.StartWith(ctx, options)
	if err != nil {
		return nil, fmt.Errorf("lab: %w", err)
	}
	// It looks more often than gates do: who sees a renewal late begins to watch late, and a gate that has just been
	// restarted, which sees the last one at once, would have the lock first.
	locker, err := mongolock.Connect(server.URI, mongolock.Options{Owner: "e2e", Poll: 500 * time.Millisecond})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lab: %w", err), server.Close())
	}
	return &Database{Locker: locker, Server: server, host: l.host}, nil
}

// Close ends it.
func (d *Database) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(d.Locker.Close(ctx), d.Server.Close())
}

// Proxy starts one that pods reach, and gives the URI that leads through it.
func (d *Database) Proxy() (*faultproxy.Proxy, string, error) {
	target := d.Server.Addr()
	if target == "" { // not ours: it is in the URI
		target = firstHost(d.Server.URI)
	}
	proxy, err := faultproxy.ListenOn(d.host, target)
	if err != nil {
		return nil, "", fmt.Errorf("lab: a proxy at %s (%s): %w", d.host, EnvHost, err)
	}
	uri, err := proxy.URI(d.Server.URI)
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
