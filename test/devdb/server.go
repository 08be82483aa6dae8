package devdb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ErrNotOurs is the answer to Kill and its like on a server of the user's own.
var ErrNotOurs = errors.New("the server is not one that devdb started")

// Server is a running server.
type Server struct {
	URI      string // with credentials, if it wants them: not for logs
	Name     string // what it is
	Version  string // what it answers to buildInfo
	Kind     Kind
	Features Need // what it can do

	mu      sync.Mutex // one change at a time
	control control    // nil if the server is not ours
	data    *dataDir   // nil likewise
	closed  bool
}

// Banner is one line for the head of a run: which server, which version, and
// what it lacks. No address and no secret is in it.
func (s *Server) Banner() string {
	parts := []string{string(s.Kind)}
	switch s.Kind {
	case Engine:
		parts[0] = "embedded"
	case External:
		parts[0] = uriVariable
	default: // the kind says it
	}
	if s.Features&Elections == 0 && s.Kind != External {
		parts = append(parts, "one member")
	}
	for _, name := range s.Features.lacks(everything &^ Elections).Names() {
		parts = append(parts, "no "+name)
	}
	return fmt.Sprintf("database: %s %s (%s)", s.Name, s.Version, strings.Join(parts, ", "))
}

// Missing names what is needed and the server lacks; nil if nothing is.
func (s *Server) Missing(need Need) []string { return s.Features.lacks(need).Names() }

// Members are host:port of each member. A server that is not ours tells none.
func (s *Server) Members() []string {
	if s.control == nil {
		return nil
	}
	return s.control.members()
}

// Addr is host:port of the first member, "" if the server is not ours.
func (s *Server) Addr() string {
	if s.control == nil {
		return ""
	}
	return s.control.members()[0]
}

// Kill ends members as kill -9 does, all of them if none is named, and returns
// when they are gone. Restart brings them back.
func (s *Server) Kill(members ...string) error { return s.do("kill", members, control.kill) }

// Freeze stops members as SIGSTOP does, all of them if none is named:
// connections stay open, and nothing is answered until Thaw.
func (s *Server) Freeze(members ...string) error { return s.do("freeze", members, control.freeze) }

// Thaw lets frozen members go on, all of them if none is named.
func (s *Server) Thaw(members ...string) error { return s.do("thaw", members, control.thaw) }

// Restart starts members on their data and at their addresses, all of them if
// none is named, and returns when the server answers. What runs is killed first.
func (s *Server) Restart(ctx context.Context, members ...string) error {
	if err := s.Kill(members...); err != nil {
		return err
	}
	up := func(c control, members []string) error { return c.up(ctx, members) }
	if err := s.do("restart", members, up); err != nil {
		return err
	}
	return s.ready(ctx)
}

// Close ends the server and removes its data. A server that is not ours is left
// alone. A second call does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.control == nil {
		return nil
	}
	s.closed = true
	if err := errors.Join(s.control.close(), s.data.remove()); err != nil {
		return fmt.Errorf("devdb: close %s: %w", s.Name, err)
	}
	return nil
}

// do does something to some members, or to all.
func (s *Server) do(what string, members []string, action func(control, []string) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.control == nil {
		return fmt.Errorf("devdb: %s %s: %w", what, s.Name, ErrNotOurs)
	}
	if s.closed {
		return fmt.Errorf("devdb: %s %s: it is closed", what, s.Name)
	}
	all := s.control.members()
	for _, member := range members {
		if !slices.Contains(all, member) {
			return fmt.Errorf("devdb: %s %s: %s is not a member", what, s.Name, member)
		}
	}
	if len(members) == 0 {
		members = all
	}
	if err := action(s.control, members); err != nil {
		return fmt.Errorf("devdb: %s %s: %w", what, s.Name, err)
	}
	return nil
}
