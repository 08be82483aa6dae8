package electproxy

import (
	"encoding/binary"
	"math/rand/v2"
	"net"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/wire"
)

// longest is how long anything that is held back is held at most.
const longest = time.Hour

func (m *member) accept() {
	for {
		conn, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.set.mu.Lock()
		if m.down || m.set.ctx.Err() != nil {
			if tcp, ok := conn.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
			_ = conn.Close()
			m.set.mu.Unlock()
			continue
		}
		m.conns[conn] = true
		m.set.mu.Unlock()
		m.set.tasks.Go(func() { m.serve(conn) })
	}
}

// serve answers one connection, request by request.
func (m *member) serve(client net.Conn) {
	var server net.Conn
	defer func() {
		m.set.mu.Lock()
		delete(m.conns, client)
		if server != nil {
			delete(m.conns, server)
		}
		m.set.mu.Unlock()
		_ = client.Close()
		if server != nil {
			_ = server.Close()
		}
	}()
	for {
		r, err := readRequest(client)
		if err != nil || !m.thawed() {
			return
		}
		answer := m.own(r)
		if answer == nil {
			if server == nil {
				if server, err = (&net.Dialer{Timeout: 10 * time.Second}).DialContext(m.set.ctx, "tcp", m.set.target); err != nil {
					return
				}
				m.set.mu.Lock()
				m.conns[server] = true
				m.set.mu.Unlock()
			}
			if answer = m.forward(r, server); answer == nil {
				return
			}
		}
		if _, err := client.Write(answer); err != nil {
			return
		}
	}
}

// thawed waits while the member is frozen. False: it has been killed.
func (m *member) thawed() bool {
	return m.set.await(longest, func() bool { return m.down || !m.frozen }) && m.up()
}

func (m *member) up() bool {
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	return !m.down
}

// forward has the server do what a primary is asked. nil: the connection ends without an answer.
func (m *member) forward(r *request, server net.Conn) []byte {
	s := m.set
	s.mu.Lock()
	term, process, stalled := s.term, m.process, s.stalled
	s.mu.Unlock()
	if stalled && r.writes() && rand.IntN(2) == 0 {
		if !s.await(longest, func() bool { return !s.stalled || m.down }) {
			return nil
		}
	}
	if _, err := server.Write(r.Bytes); err != nil {
		return nil
	}
	answer, err := wire.Read(server)
	if err != nil {
		return nil
	}
	if r.writes() {
		s.await(longest, func() bool { return !s.stalled || m.down })
	}
	if !m.thawed() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.writes() && (s.primary != m.number || s.term != term || m.process != process) {
		// It was done, and the set has another primary: the answer to those who wait for a majority.
		return r.fails(interrupted, "operation was interrupted: the primary has stepped down", m.version())
	}
	return answer.Bytes
}

// own is the answer to what a member answers by itself; nil for what the server has to do.
func (m *member) own(r *request) []byte {
	if wire.Hello(r.name) {
		return m.hello(r)
	}
	m.set.mu.Lock()
	defer m.set.mu.Unlock()
	switch {
	case m.set.primary == m.number:
		return nil
	case r.writes():
		return r.fails(notPrimary, "not primary", m.version())
	case r.name == "find" && !r.secondaryOK():
		return r.fails(notPrimaryNoSecondaryOK, "not primary and secondaryOk=false", m.version())
	}
	return nil
}

// hello tells the member's role; where the client asks for it, when that changes or the time is over.
func (m *member) hello(r *request) []byte {
	if known, ok := r.doc.Lookup("topologyVersion", "counter").Int64OK(); ok {
		wait := time.Duration(number(r.doc, "maxAwaitTimeMS")) * time.Millisecond
		process := r.doc.Lookup("topologyVersion", "processId").ObjectID()
		m.set.await(wait, func() bool { return m.down || m.process != process || m.counter != known })
		if !m.thawed() {
			return nil
		}
	}
	s := m.set
	s.mu.Lock()
	defer s.mu.Unlock()
	isPrimary := s.primary == m.number
	doc := bson.D{
		{Key: "helloOk", Value: true},
		{Key: "ismaster", Value: isPrimary},
		{Key: "isWritablePrimary", Value: isPrimary},
		{Key: "secondary", Value: !isPrimary},
		{Key: "setName", Value: s.name},
		{Key: "setVersion", Value: 1},
		{Key: "hosts", Value: s.hosts()},
		{Key: "me", Value: m.listener.Addr().String()},
		{Key: "maxBsonObjectSize", Value: 16 << 20},
		{Key: "maxMessageSizeBytes", Value: wire.Largest},
		{Key: "maxWriteBatchSize", Value: 100_000},
		{Key: "localTime", Value: time.Now()},
		{Key: "minWireVersion", Value: 0},
		{Key: "maxWireVersion", Value: 21},
		{Key: "readOnly", Value: false},
		{Key: "lastWrite", Value: bson.D{{Key: "lastWriteDate", Value: time.Now()}}},
	}
	if s.primary != Nobody {
		doc = append(doc, bson.E{Key: "primary", Value: s.hosts()[s.primary]})
	}
	if isPrimary {
		election := bson.ObjectID{0x7f, 0xff, 0xff, 0xff}
		binary.BigEndian.PutUint32(election[8:], uint32(s.term))
		doc = append(doc, bson.E{Key: "electionId", Value: election})
	}
	doc = append(doc, bson.E{Key: "topologyVersion", Value: m.version()}, bson.E{Key: "ok", Value: 1})
	return r.answers(doc)
}

// version is what the driver compares news by. The caller holds Set.mu.
func (m *member) version() bson.D {
	return bson.D{{Key: "processId", Value: m.process}, {Key: "counter", Value: m.counter}}
}

func number(doc bson.Raw, key string) int64 {
	n, _ := doc.Lookup(key).AsInt64OK()
	return n
}
