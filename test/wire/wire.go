// Package wire reads and answers messages of MongoDB's wire protocol, for what stands before a server, or in its place, in tests.
// It knows what drivers send: a first hello by OP_QUERY, then OP_MSG. What is compressed passes as a message without a command.
package wire

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"
)

const (
	// HeaderSize is how many bytes [Begins] wants.
	HeaderSize = 16
	// Largest is the longest message, by the server's own limit.
	Largest = 48_000_000

	opQuery wiremessage.OpCode = 2004 // of the first hello of a connection
)

// Message is one message, as it was sent.
type Message struct {
	Bytes   []byte
	ID      int32
	Answers int32 // the id of the request that it answers
	op      wiremessage.OpCode
}

// Begins says whether a message begins with this header; what TLS sends does not.
func Begins(header []byte) bool {
	switch _, _, _, op, _, _ := wiremessage.ReadHeader(header); op {
	case wiremessage.OpReply, opQuery, wiremessage.OpCompressed, wiremessage.OpMsg:
		return true
	}
	return false
}

// Read reads the next message.
func Read(from io.Reader) (Message, error) {
	header := make([]byte, HeaderSize)
	if _, err := io.ReadFull(from, header); err != nil {
		return Message{}, err //nolint:wrapcheck // the end of a connection
	}
	size, id, answers, op, _, _ := wiremessage.ReadHeader(header)
	if size < HeaderSize || size > Largest {
		return Message{}, fmt.Errorf("a message of %d bytes", size)
	}
	m := Message{Bytes: make([]byte, size), ID: id, Answers: answers, op: op}
	copy(m.Bytes, header)
	if _, err := io.ReadFull(from, m.Bytes[HeaderSize:]); err != nil {
		return Message{}, fmt.Errorf("read a message: %w", err)
	}
	return m, nil
}

// List is one of the lists of documents that a command may have beside its own document.
type List struct {
	Name      string
	Documents []bsoncore.Document
}

var errNoCommand = errors.New("this is no command")

// Command is what a request asks for.
func (m Message) Command() (command bson.Raw, lists []List, err error) {
	document, lists, ok := m.parts()
	if !ok {
		return nil, nil, errNoCommand
	}
	if _, err := document.IndexErr(0); err != nil {
		return nil, nil, errNoCommand
	}
	return bson.Raw(document), lists, nil
}

func (m Message) parts() (document bsoncore.Document, lists []List, ok bool) {
	body := m.Bytes[HeaderSize:]
	switch m.op {
	case opQuery:
		const flags, paging = 4, 8
		rest, found := strings.CutPrefix(string(body[min(flags, len(body)):]), "admin.$cmd\x00")
		if !found || len(rest) < paging {
			return nil, nil, false
		}
		document, _, ok = bsoncore.ReadDocument([]byte(rest[paging:]))
		return document, nil, ok
	case wiremessage.OpMsg:
		_, sections, ok := wiremessage.ReadMsgFlags(body)
		for ok && len(sections) > 0 {
			var kind wiremessage.SectionType
			switch kind, sections, _ = wiremessage.ReadMsgSectionType(sections); kind {
			case wiremessage.SingleDocument:
				document, sections, ok = wiremessage.ReadMsgSectionSingleDocument(sections)
			case wiremessage.DocumentSequence:
				var list List
				list.Name, list.Documents, sections, ok = wiremessage.ReadMsgSectionDocumentSequence(sections)
				lists = append(lists, list)
			default:
				ok = false
			}
		}
		return document, lists, ok
	}
	return nil, nil, false
}

// Name is the name of a request's command; "" if it has none, or none to be seen.
func (m Message) Name() string {
	command, _, err := m.Command()
	if err != nil {
		return ""
	}
	return bsoncore.Document(command).Index(0).Key()
}

// OneWay says that nobody waits for an answer (write concern 0).
func (m Message) OneWay() bool {
	return m.op == wiremessage.OpMsg && wiremessage.IsMsgMoreToCome(m.Bytes)
}

// Answer is the message that answers m with a document.
func (m Message) Answer(document bson.Raw) []byte {
	op := wiremessage.OpMsg
	if m.op == opQuery {
		op = wiremessage.OpReply
	}
	start, out := wiremessage.AppendHeaderStart(make([]byte, 0, 64+len(document)), 0, m.ID, op)
	if op == wiremessage.OpReply {
		out = wiremessage.AppendReplyFlags(out, wiremessage.AwaitCapable)
		out = wiremessage.AppendReplyCursorID(out, 0)
		out = wiremessage.AppendReplyStartingFrom(out, 0)
		out = wiremessage.AppendReplyNumberReturned(out, 1)
	} else {
		out = wiremessage.AppendMsgFlags(out, 0)
		out = wiremessage.AppendMsgSectionType(out, wiremessage.SingleDocument)
	}
	out = append(out, document...)
	return bsoncore.UpdateLength(out, start, int32(len(out)))
}

// Hello says whether a command is a hello, under its old name or its new one.
func Hello(command string) bool {
	return command == "hello" || strings.EqualFold(command, "ismaster")
}
