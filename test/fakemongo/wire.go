package fakemongo

import (
	"encoding/binary"
	"fmt"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Opcodes and flags of MongoDB's wire protocol.
const (
	opReply = 1
	opQuery = 2004
	opMsg   = 2013

	flagMoreToCome = 1 << 1

	largestMessage = 48_000_000
)

// message is one request, its document sequences folded into the command as arrays.
type message struct {
	id      int32
	opcode  int32
	command bson.D
	oneWay  bool // write concern 0: no answer is read
}

func readMessage(r io.Reader) (message, error) {
	var head [16]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return message{}, err
	}
	length := int(binary.LittleEndian.Uint32(head[:]))
	m := message{id: int32(binary.LittleEndian.Uint32(head[4:])), opcode: int32(binary.LittleEndian.Uint32(head[12:]))}
	if length < 16+5 || length > largestMessage {
		return message{}, fmt.Errorf("wire message of %d bytes", length)
	}
	body := make([]byte, length-16)
	if _, err := io.ReadFull(r, body); err != nil {
		return message{}, err
	}
	var err error
	switch m.opcode {
	case opMsg:
		err = m.parseMsg(body)
	case opQuery:
		err = m.parseQuery(body)
	default:
		err = fmt.Errorf("wire opcode %d", m.opcode)
	}
	return m, err
}

func (m *message) parseMsg(b []byte) error {
	flags := binary.LittleEndian.Uint32(b)
	m.oneWay = flags&flagMoreToCome != 0
	var sequences bson.D
	for b = b[4:]; len(b) > 0; {
		kind := b[0]
		b = b[1:]
		var section []byte
		var err error
		if section, b, err = cutSized(b); err != nil {
			return err
		}
		switch kind {
		case 0:
			if m.command, err = decode(section); err != nil {
				return err
			}
		case 1:
			name, rest, err := cutString(section[4:])
			if err != nil {
				return err
			}
			docs := bson.A{}
			for len(rest) > 0 {
				var doc []byte
				if doc, rest, err = cutSized(rest); err != nil {
					return err
				}
				d, err := decode(doc)
				if err != nil {
					return err
				}
				docs = append(docs, d)
			}
			sequences = append(sequences, bson.E{Key: name, Value: docs})
		default:
			return fmt.Errorf("OP_MSG section of kind %d", kind)
		}
	}
	if len(m.command) == 0 {
		return fmt.Errorf("OP_MSG without a command")
	}
	m.command = append(m.command, sequences...)
	return nil
}

// parseQuery reads the only OP_QUERY that drivers still send, the first hello.
func (m *message) parseQuery(b []byte) error {
	collection, rest, err := cutString(b[4:])
	if err != nil || len(rest) < 8 {
		return fmt.Errorf("OP_QUERY too short")
	}
	doc, _, err := cutSized(rest[8:])
	if err != nil {
		return err
	}
	if m.command, err = decode(doc); err != nil {
		return err
	}
	if collection != "admin.$cmd" || len(m.command) == 0 {
		return fmt.Errorf("OP_QUERY on %s", collection)
	}
	m.command = append(m.command, bson.E{Key: "$db", Value: "admin"})
	return nil
}

func cutSized(b []byte) (doc, rest []byte, err error) {
	if len(b) < 5 {
		return nil, nil, io.ErrUnexpectedEOF
	}
	n := int(binary.LittleEndian.Uint32(b))
	if n < 5 || n > len(b) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return b[:n], b[n:], nil
}

func cutString(b []byte) (string, []byte, error) {
	for i, c := range b {
		if c == 0 {
			return string(b[:i]), b[i+1:], nil
		}
	}
	return "", nil, io.ErrUnexpectedEOF
}

// answer is the wire form of the reply to m.
func (m *message) answer(doc bson.D) ([]byte, error) {
	raw, err := encode(doc)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 16, 64+len(raw))
	binary.LittleEndian.PutUint32(out[8:], uint32(m.id))
	if m.opcode == opQuery {
		binary.LittleEndian.PutUint32(out[12:], opReply)
		out = append(out, make([]byte, 20)...) // flags, cursor id, starting from, number returned
		binary.LittleEndian.PutUint32(out[32:], 1)
	} else {
		binary.LittleEndian.PutUint32(out[12:], opMsg)
		out = append(out, 0, 0, 0, 0, 0) // flags and the kind of the section
	}
	out = append(out, raw...)
	binary.LittleEndian.PutUint32(out, uint32(len(out)))
	return out, nil
}
