// Package serve answers probes and metrics over HTTP.
//
// Promised: nothing that is served changes anything; a failed probe says that
// it failed and not why, for the answer is public, except for what only the pod's owner can mend, in words that
// name no lock and no store; the listener is opened
// before anything else starts, so that a taken port is an error and not a surprise; every
// connection has time limits, and their number is limited. Not promised: access control.
package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log" //nolint:depguard // net/http wants one, to throw away
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Probes are the three questions. Each is computed at the moment of asking.
type Probes struct {
	// Startup is true once the workload may be started.
	Startup func() bool
	// Ready is true while the workload may run.
	Ready func() bool
	// Live is true while the gate itself does its work.
	Live func() bool
	// Waiting is true while the gate waits for the lock.
	Waiting func() bool
	// Why is what the owner of the pod has to mend before Startup and Ready can be true: a function that is nil, or gives nil, where there is nothing.
	Why func() error
}

// Paths of the probes.
const (
	StartupPath = "/startupz"
	ReadyPath   = "/readyz"
	LivePath    = "/livez"
	WaitingPath = "/waitingz"
	MetricsPath = "/metrics"
)

// Handler answers GET and HEAD of the probes' paths. The path of startup with ?wait=5m is answered when there is a yes, at the latest after that time.
func (p Probes) Handler() http.Handler {
	mux := http.NewServeMux()
	places := make(chan struct{}, maxWaiters)
	for path, ask := range map[string]func() bool{StartupPath: p.Startup, ReadyPath: p.Ready, LivePath: p.Live, WaitingPath: p.Waiting} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			yes := ask()
			if !yes && path == StartupPath {
				yes = p.wait(w, r, ask, places)
			}
			if !yes {
				http.Error(w, p.no(path), http.StatusServiceUnavailable)
				return
			}
			_, _ = w.Write([]byte("ok\n"))
		})
	}
	return mux
}

func (p Probes) no(path string) string {
	if p.Why == nil || path != StartupPath && path != ReadyPath {
		return "no"
	}
	if why := p.Why(); why != nil {
		return "no: " + why.Error()
	}
	return "no"
}

// Metrics answers GET and HEAD of the path of metrics.
func Metrics(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+MetricsPath, h)
	return mux
}

// dying is how long a process that answers may go on doing so.
const dying = 2 * time.Second

// Listen opens host:port or unix:/path. A socket file that nobody answers is replaced.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	path, unix := strings.CutPrefix(address, "unix:")
	if !unix {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
		if err != nil {
			return nil, fmt.Errorf("listening on %s: %w", address, err)
		}
		return l, nil
	}
	// One that was killed together with its parent may still be there for a moment.
	for end := time.Now().Add(dying); ; time.Sleep(20 * time.Millisecond) {
		c, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			break
		}
		_ = c.Close()
		if time.Now().After(end) {
			return nil, fmt.Errorf("listening on %s: another process answers there", address)
		}
	}
	if err := removeSocket(path); err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w", address, err)
	}
	return l, nil
}

// removeSocket removes what a process that did not end in order has left, and nothing but a socket.
func removeSocket(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSocket == 0:
		return errors.New("there is a file that is not a socket")
	}
	return os.Remove(path)
}

// Serve answers on a listener until ctx ends, and returns when every answer
// has been given, or after a second.
func Serve(ctx context.Context, l net.Listener, h http.Handler) error {
	s := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 2 * time.Second,
		ReadTimeout:       5 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    4 << 10,
		ErrorLog:          log.New(io.Discard, "", 0),                        // what strangers send is not for our log
		BaseContext:       func(net.Listener) context.Context { return ctx }, // so that who waits for an answer holds up no end
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(&limited{Listener: l, most: maxConnections}) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	err := s.Shutdown(last)
	if err != nil {
		err = s.Close()
	}
	return errors.Join(err, closed(<-ended))
}

// maxAnswer is more than any of our answers has.
const maxAnswer = 4 << 10

// Ask gives the status of a path at host:port or unix:/path, and the line that was answered.
func Ask(ctx context.Context, address, path string) (status int, line string, err error) {
	dial := &net.Dialer{}
	host := address
	transport := &http.Transport{DisableKeepAlives: true}
	if socket, unix := strings.CutPrefix(address, "unix:"); unix {
		host = "gate"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial.DialContext(ctx, "unix", socket) }
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return 0, "", fmt.Errorf("asking %s: %w", address, err)
	}
	res, err := (&http.Client{Transport: transport}).Do(req)
	if about := (*url.Error)(nil); errors.As(err, &about) {
		err = about.Err // the address stands there already
	}
	if err != nil {
		return 0, "", fmt.Errorf("asking the gate at %s: %w", address, err)
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	return res.StatusCode, strings.TrimSpace(string(b)), errors.Join(err, res.Body.Close())
}

// closed leaves out the error that only says that the server was shut down.
func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
