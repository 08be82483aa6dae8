package faultproxy

import (
	"bufio"

	"github.com/mongogate/mongogate/test/wire"
)

// message is one message, or, of a stream that is not the wire protocol (TLS),
// some bytes.
type message struct {
	wire.Message
	command string // "" if it is none, or not to be seen
}

// stream reads messages one by one.
type stream struct {
	in     *bufio.Reader
	opaque bool // it is not the wire protocol
}

// next reads the next message, or what is there of a stream that is opaque.
func (s *stream) next() (message, error) {
	if s.opaque {
		some := make([]byte, s.in.Size())
		n, err := s.in.Read(some)
		return message{Message: wire.Message{Bytes: some[:n]}}, err
	}
	header, err := s.in.Peek(wire.HeaderSize)
	if len(header) == 0 {
		return message{}, err
	}
	if !wire.Begins(header) {
		s.opaque = true
		return s.next()
	}
	m, err := wire.Read(s.in)
	if err != nil || m.Answers != 0 {
		return message{Message: m}, err
	}
	return message{Message: m, command: m.Name()}, nil
}
