package wire

import (
	"bytes"
	"testing"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/wiremessage"

	"github.com/mongogate/mongogate/test/must"
)

// TestCommand: a section of kind 1 may stand first, and damaged ones are no command.
func TestCommand(t *testing.T) {
	document := must.Get(bson.Marshal(bson.D{{Key: "insert", Value: int32(1)}}))(t)
	flags := make([]byte, 4)
	list := append([]byte{1, 12, 0, 0, 0}, "documen\x00"...)
	for _, c := range []struct {
		name string
		op   wiremessage.OpCode
		body []byte
		want string
	}{
		{"document first", wiremessage.OpMsg, join(flags, []byte{0}, document), "insert"},
		{"list first", wiremessage.OpMsg, join(flags, list, []byte{0}, document), "insert"},
		{"list alone", wiremessage.OpMsg, join(flags, list), ""},
		{"list of no size", wiremessage.OpMsg, join(flags, []byte{1, 0, 0, 0, 0, 0}), ""},
		{"list longer than the message", wiremessage.OpMsg, join(flags, []byte{1, 255, 0, 0, 0, 0}), ""},
		{"query", opQuery, join(flags, []byte("admin.$cmd\x00"), make([]byte, 8), document), "insert"},
		{"query cut short", opQuery, join(flags, []byte("admin.$cmd")), ""},
		{"compressed", wiremessage.OpCompressed, document, ""},
		{"empty", wiremessage.OpMsg, nil, ""},
		{"document cut short", wiremessage.OpMsg, join(flags, []byte{0}, document[:8]), ""},
	} {
		sent := append(wiremessage.AppendHeader(nil, int32(HeaderSize+len(c.body)), 1, 0, c.op), c.body...)
		m, err := Read(bytes.NewReader(sent))
		if got := m.Name(); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", c.name, got, err, c.want)
		}
		if !Begins(sent) || !bytes.Equal(m.Bytes, sent) {
			t.Errorf("%s: not as it was sent", c.name)
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
