package devdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"time"
)

// startTime is how long one process may take until it answers.
const startTime = 30 * time.Second

// control is what can be done to a server of our own.
type control interface {
	up(ctx context.Context, port int) error // starts it on its data
	addr() string                           // host:port of the first member
	kill() error
	freeze() error
	thaw() error
	close() error // kills it for good
}

// single is a server of one process. It keeps its port when it is started again.
type single struct {
	start   func(ctx context.Context, port int) (*process, int, error)
	process *process
	port    int
}

func (s *single) up(ctx context.Context, port int) error {
	if s.port != 0 {
		port = s.port
	}
	process, port, err := s.start(ctx, port)
	if err != nil {
		return err
	}
	s.process, s.port = process, port
	return nil
}

func (s *single) addr() string  { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }
func (s *single) kill() error   { return s.process.kill() }
func (s *single) freeze() error { return s.process.freeze() }
func (s *single) thaw() error   { return s.process.thaw() }
func (s *single) close() error  { return s.process.kill() }

// startReady starts a program that prints "ready PORT" when it answers there.
func startReady(ctx context.Context, cmd *exec.Cmd) (*process, int, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	process, err := startProcess(cmd)
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
