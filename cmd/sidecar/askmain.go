//go:build linux

package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"

	"github.com/mongogate/mongogate/internal/agent"
)

// askMain is the workload's own probe: a command, or a URL as the kubelet would ask it, but that certificates are verified.
func askMain(ctx context.Context, w world, probe []string) error {
	if len(probe) == 1 {
		at, err := url.Parse(probe[0])
		switch {
		case err != nil: // a command then
		case at.Scheme == "http", at.Scheme == "https":
			return get(ctx, at)
		case at.Scheme == "tcp":
			return dial(ctx, at)
		}
	}
	c := exec.CommandContext(ctx, probe[0], probe[1:]...) //nolint:gosec // the user's own probe
	c.Stdout, c.Stderr, c.Env = w.stdout, w.stderr, os.Environ()
	err := c.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return &agent.Exit{Code: ended.ExitCode()}
	}
	if err != nil {
		return &agent.Exit{Code: agent.ExitFailed, Err: err}
	}
	return nil
}

// get is an httpGet probe: any status from 200 to 399 is a yes, and so is a
// redirect to another host, which is not followed (prober.go of the kubelet, pkg/probe/http).
func get(ctx context.Context, at *url.URL) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil || at.Host == "" {
		return usage("arguments", "not a URL", "write -- http://HOST:PORT/PATH")
	}
	client := http.Client{CheckRedirect: func(next *http.Request, before []*http.Request) error {
		if next.URL.Hostname() != at.Hostname() {
			return http.ErrUseLastResponse
		}
		if len(before) >= 10 {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}}
	res, err := client.Do(req)
	if err != nil {
		return &agent.Exit{Code: agent.ExitFailed, Err: err}
	}
	defer res.Body.Close() //nolint:errcheck // only the status is asked for
	if res.StatusCode < 200 || res.StatusCode >= 400 {
		return &agent.Exit{Code: agent.ExitFailed, Err: errors.New(res.Status)}
	}
	return nil
}

// dial is a tcpSocket probe: a connection that is accepted is a yes.
func dial(ctx context.Context, at *url.URL) error {
	if at.Port() == "" || at.Path != "" {
		return usage("arguments", "not an address", "write -- tcp://HOST:PORT")
	}
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", at.Host)
	if err != nil {
		return &agent.Exit{Code: agent.ExitFailed, Err: err}
	}
	_ = c.Close()
	return nil
}
