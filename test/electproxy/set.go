// Package electproxy shows a MongoDB client a replica set of three members
// where there is one server: each member is an address of its own, with a role, a term
// and a topology version, and may be killed, frozen, stepped down or elected. So
// the real driver goes through elections where no real set can be had.
//
// What it cannot show: a roll-back (there is one server behind it, and what was
// written stays written; test/fakemongo has roll-backs), sign-in, TLS, change streams. What a request meets is as on a real set: a
// secondary refuses writes and reads of a primary, a primary that dies or freezes loses what is under way, either the
// request or, after it was done, its answer.
package electproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Members is how many members the set has.
const Members = 3

// Nobody is no member.
const Nobody = -1

// Set is the set.
type Set struct {
	target  string
	name    string
	ctx     context.Context
	end     context.CancelFunc
	tasks   sync.WaitGroup
	members [Members]*member

	mu      sync.Mutex
	primary int
	term    int
	stalled bool          // the primary waits for its majority
	changed chan struct{} // closed at every change
	// The latest time without a primary that acknowledges: since when, and until when, zero while it lasts.
	silent, served time.Time
}

// member is one address.
type member struct {
	set      *Set
	number   int
	listener net.Listener

	// Guarded by Set.mu.
	process bson.ObjectID // of this life
	counter int64         // of changes in it
	down    bool
	frozen  bool
	conns   map[net.Conn]bool
}

// New shows a set in front of the server at target, a host:port. Its first member is the primary.
func New(target string) (*Set, error) {
	s := &Set{target: target, name: "elect", term: 1, changed: make(chan struct{})}
	s.ctx, s.end = context.WithCancel(context.Background())
	for i := range s.members {
		l, err := new(net.ListenConfig).Listen(s.ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen for member %d: %w", i, err), s.Close())
		}
		s.members[i] = &member{set: s, number: i, listener: l, process: bson.NewObjectID(), conns: map[net.Conn]bool{}}
	}
	for _, m := range s.members {
		s.tasks.Go(m.accept)
	}
	return s, nil
}

// URI names all members, and the set.
func (s *Set) URI() string {
	return "mongodb://" + strings.Join(s.hosts(), ",") + "/?replicaSet=" + s.name
}

func (s *Set) hosts() []string {
	hosts := make([]string, 0, Members)
	for _, m := range s.members {
		hosts = append(hosts, m.listener.Addr().String())
	}
	return hosts
}

// Close ends every connection and waits for all that the set began.
func (s *Set) Close() error {
	s.end()
	s.mu.Lock()
	for _, m := range s.members {
		if m != nil {
			_ = m.listener.Close()
			m.reset()
		}
	}
	s.mu.Unlock()
	s.tasks.Wait()
	return nil
}

// Primary is the number of the primary, or Nobody.
func (s *Set) Primary() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.primary
}

// outage is the latest time in which no primary acknowledged: from when to when.
func (s *Set) outage() (silent, served time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent, s.served
}

// acknowledges: a primary does. The caller holds mu.
func (s *Set) acknowledges() bool {
	return s.primary != Nobody && !s.members[s.primary].down && !s.members[s.primary].frozen && !s.stalled
}

// change changes something that a hello tells of.
func (s *Set) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.acknowledges()
	f()
	switch after := s.acknowledges(); {
	case before && !after:
		s.silent, s.served = time.Now(), time.Time{}
	case !before && after:
		s.served = time.Now()
	}
	for _, m := range s.members {
		m.counter++
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Elect makes a member the primary of a new term. Nobody: the primary steps down, for it has no majority.
func (s *Set) Elect(number int) {
	s.change(func() {
		s.primary = number
		if number != Nobody {
			s.term++
		}
	})
}

// Kill ends a member as kill -9 does: its connections are reset, and new ones too.
func (s *Set) Kill(number int) {
	s.change(func() {
		m := s.members[number]
		m.down, m.frozen = true, false
		m.reset()
		if s.primary == number {
			s.primary = Nobody
		}
	})
}

// Start starts a member that was killed, as a secondary.
func (s *Set) Start(number int) {
	s.change(func() {
		m := s.members[number]
		m.down, m.process, m.counter = false, bson.NewObjectID(), 0
	})
}

// Freeze stops a member as SIGSTOP does: connections stay, new ones too, and nothing is answered until Thaw.
func (s *Set) Freeze(number int) { s.change(func() { s.members[number].frozen = true }) }

// Thaw lets it go on, in whatever role it has by now.
func (s *Set) Thaw(number int) { s.change(func() { s.members[number].frozen = false }) }

// Stall holds back every acknowledgement of a majority, or no more.
func (s *Set) Stall(on bool) { s.change(func() { s.stalled = on }) }

// reset ends all connections of a member. The caller holds Set.mu.
func (m *member) reset() {
	for c := range m.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		_ = c.Close()
	}
}

// await waits until something is so, or until the set or the time ends. The condition is asked under Set.mu.
func (s *Set) await(within time.Duration, condition func() bool) bool {
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		s.mu.Lock()
		ok, changed := condition(), s.changed
		s.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-timer.C:
			return false
		case <-s.ctx.Done():
			return false
		}
	}
}
