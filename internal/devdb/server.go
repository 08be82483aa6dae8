package devdb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
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

// Addr is host:port of the server, of its first member if it has several.
// A server that is not ours has none.
func (s *Server) Addr() string {
	if s.control == nil {
		return ""
	}
	return s.control.addr()
}

// Kill ends the server as kill -9 does, all of its members, and returns when
// they are gone. Restart brings it back.
func (s *Server) Kill() error { return s.do("kill", control.kill) }

// Freeze stops the server as SIGSTOP does, all of its members: connections
// stay open, and nothing is answered until Thaw.
func (s *Server) Freeze() error { return s.do("freeze", control.freeze) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() error { return s.do("thaw", control.thaw) }

// Restart starts a killed server on the same data and at the same address, and
// returns when it answers. One that runs is killed first.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Kill(); err != nil {
		return err
	}
	if err := s.do("restart", func(c control) error { return c.up(ctx, 0) }); err != nil {
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

func (s *Server) do(what string, action func(control) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.control == nil {
		return fmt.Errorf("devdb: %s %s: %w", what, s.Name, ErrNotOurs)
	}
	if s.closed {
		return fmt.Errorf("devdb: %s %s: it is closed", what, s.Name)
	}
	if err := action(s.control); err != nil {
		return fmt.Errorf("devdb: %s %s: %w", what, s.Name, err)
	}
	return nil
}

// ready waits until the server answers as one that takes writes, and notes its version.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return s.with(ctx, func(client *mongo.Client) error {
		// Server selection waits for a primary.
		var info struct {
			Version string `bson:"version"`
		}
		if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
			return fmt.Errorf("ask for the version: %w", err)
		}
		s.Version = info.Version
		return nil
	})
}

// with lends a client for one task.
func (s *Server) with(ctx context.Context, task func(*mongo.Client) error) (err error) {
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI).
		SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(startTime))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	return task(client)
}
