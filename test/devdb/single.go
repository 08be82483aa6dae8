package devdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// startTime is how long one process may take until it answers.
const startTime = 30 * time.Second

// control is what can be done to a server of our own. Members are some of those
// that it has.
type control interface {
	members() []string // host:port of each
	up(ctx context.Context, members []string) error
	kill(members []string) error
	freeze(members []string) error
	thaw(members []string) error
	close() error // kills it for good
}

// single is a server of one process. It keeps its port when it is started again.
type single struct {
	start   func(ctx context.Context, port int) (*process, int, error)
	process *process
	port    int
}

// begin starts it for the first time.
func (s *single) begin(ctx context.Context, port int) (err error) {
	s.process, s.port, err = s.start(ctx, port)
	return err
}

func (s *single) members() []string {
	return []string{net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port))}
}

// up starts it again. While it was away its port may have become that of
// somebody's outgoing connection, so it is tried again for a while.
func (s *single) up(ctx context.Context, _ []string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		process, _, err := s.start(ctx, s.port)
		if err == nil {
			s.process = process
			return nil
		}
		if !strings.Contains(strings.ToLower(err.Error()), "address already in use") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *single) kill([]string) error   { return s.process.kill() }
func (s *single) freeze([]string) error { return s.process.freeze() }
func (s *single) thaw([]string) error   { return s.process.thaw() }
func (s *single) close() error          { return s.process.kill() }

// startReady starts a program that prints "ready PORT" when it answers there.
func startReady(ctx context.Context, cmd *exec.Cmd) (*process, int, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	process, err := startServer(cmd)
	if err != nil {
		return nil, 0, err
	}
	line, err := process.line(ctx, "ready ")
	if err != nil {
		return nil, 0, errors.Join(err, process.kill())
	}
	port, err := strconv.Atoi(line)
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("no port in %q: %w", line, err), process.kill())
	}
	return process, port, nil
}

// joinRemove removes the data of a server that did not start.
func joinRemove(err error, data *dataDir) error { return errors.Join(err, data.remove()) }
