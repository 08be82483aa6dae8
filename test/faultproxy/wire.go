package faultproxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The parts of MongoDB's wire protocol that are looked at; see "MongoDB Wire
// Protocol" in the server's manual.
const (
	headerSize = 16
	maxMessage = 48_000_000 // the server's own limit

	opReply      = 1    // the answer to opQuery
	opQuery      = 2004 // the first hello of a connection
	opCompressed = 2012
	opMsg        = 2013
)

// message is one message, or, of a stream that is not the wire protocol (TLS),
// some bytes.
type message struct {
	bytes   []byte
	id      int32
	answers int32  // the id of the request that it answers
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
		return message{bytes: some[:n]}, err
	}
	header, err := s.in.Peek(headerSize)
	if len(header) == 0 {
		return message{}, err
	}
	size, code := 0, 0
	if len(header) == headerSize {
		size, code = int(binary.LittleEndian.Uint32(header)), int(binary.LittleEndian.Uint32(header[12:]))
	}
	switch code {
	case opReply, opQuery, opCompressed, opMsg:
	default:
		s.opaque = true
		return s.next()
	}
	if size < headerSize || size > maxMessage {
		return message{}, fmt.Errorf("a message of %d bytes", size)
	}
	m := message{bytes: make([]byte, size)}
	if _, err := io.ReadFull(s.in, m.bytes); err != nil {
		return message{}, fmt.Errorf("read a message: %w", err)
	}
	m.id = int32(binary.LittleEndian.Uint32(m.bytes[4:]))
	m.answers = int32(binary.LittleEndian.Uint32(m.bytes[8:]))
	if m.answers == 0 {
		m.command = command(code, m.bytes[headerSize:])
	}
	return m, nil
}

// command is the name of a request's command: the first key of its document.
func command(code int, body []byte) string {
	switch code {
	case opQuery: // flags, collection name, skip, limit, document
		if len(body) < 4 {
			return ""
		}
		_, after, ok := bytes.Cut(body[4:], []byte{0})
		if !ok || len(after) < 8 {
			return ""
		}
		return firstKey(after[8:])
	case opMsg: // flags, sections
		if len(body) < 4 {
			return ""
		}
		return sectionCommand(body[4:])
	default:
		return ""
	}
}

// sectionCommand finds the section of kind 0, the command's document. Sections
// of kind 1 (lists of documents) may stand before it.
func sectionCommand(sections []byte) string {
	for len(sections) >= 5 {
		if sections[0] == 0 {
			return firstKey(sections[1:])
		}
		size := int(binary.LittleEndian.Uint32(sections[1:]))
		if sections[0] != 1 || size < 4 || size > len(sections)-1 {
			return ""
		}
		sections = sections[1+size:]
	}
	return ""
}

// firstKey is the name of the first element of a BSON document: after its
// size and the element's type, ended by a zero.
func firstKey(document []byte) string {
	if len(document) < 6 {
		return ""
	}
	name, _, ok := bytes.Cut(document[5:], []byte{0})
	if !ok {
		return ""
	}
	return string(name)
}

func handshake(command string) bool {
	return command == "hello" || strings.EqualFold(command, "ismaster")
}
