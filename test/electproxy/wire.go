package electproxy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// MongoDB's wire protocol, as far as the Go driver speaks it without compression.
const (
	headerSize = 16
	maxMessage = 48_000_000

	opReply = 1
	opQuery = 2004 // the first hello of a connection
	opMsg   = 2013
)

// Codes of src/mongo/base/error_codes.yml.
const (
	notPrimary              = 10107
	notPrimaryNoSecondaryOK = 13435
	interrupted             = 11602 // InterruptedDueToReplStateChange
)

var errMessage = errors.New("this is no message of the wire protocol that is spoken here")

// request is one command.
type request struct {
	bytes []byte
	id    uint32
	op    uint32
	doc   bson.Raw
	name  string
}

func readRequest(from io.Reader) (*request, error) {
	b, err := readMessage(from)
	if err != nil {
		return nil, err
	}
	r := &request{bytes: b, id: binary.LittleEndian.Uint32(b[4:]), op: binary.LittleEndian.Uint32(b[12:])}
	body := b[headerSize:]
	switch r.op {
	case opQuery: // flags, collection, skip, limit, document
		_, after, ok := bytes.Cut(body[4:], []byte{0})
		if !ok || len(after) < 8 {
			return nil, errMessage
		}
		r.doc = bson.Raw(after[8:])
	case opMsg: // flags, then sections, of which that of kind 0 has the command
		for sections := body[4:]; r.doc == nil; {
			if len(sections) < 5 {
				return nil, errMessage
			}
			size := int(binary.LittleEndian.Uint32(sections[1:]))
			if size < 4 || size > len(sections)-1 {
				return nil, errMessage
			}
			if sections[0] == 0 {
				r.doc = bson.Raw(sections[1 : 1+size])
			}
			sections = sections[1+size:]
		}
	default:
		return nil, errMessage
	}
	elements, err := r.doc.Elements()
	if err != nil || len(elements) == 0 {
		return nil, errMessage
	}
	r.name = elements[0].Key()
	return r, nil
}

// writes says whether a primary alone may do it, and waits for a majority.
func (r *request) writes() bool {
	switch r.name {
	case "findAndModify", "findandmodify", "insert", "update", "delete", "createIndexes", "create", "drop", "dropDatabase":
		return true
	}
	return false
}

func (r *request) secondaryOK() bool {
	mode, ok := r.doc.Lookup("$readPreference", "mode").StringValueOK()
	return ok && mode != "primary"
}

func (r *request) fails(code int, message string, version bson.D) []byte {
	return r.answers(bson.D{
		{Key: "ok", Value: 0}, {Key: "code", Value: code}, {Key: "errmsg", Value: message}, {Key: "topologyVersion", Value: version},
	})
}

func (r *request) answers(doc bson.D) []byte {
	b, err := bson.Marshal(doc)
	if err != nil {
		panic(err) // it is made of constants
	}
	var body []byte
	op := uint32(opMsg)
	if r.op == opQuery { // flags, cursor, start, count
		op = opReply
		body = binary.LittleEndian.AppendUint32(body, 8)
		body = append(body, make([]byte, 12)...)
		body = binary.LittleEndian.AppendUint32(body, 1)
	} else {
		body = append(body, 0, 0, 0, 0, 0) // flags, a section of kind 0
	}
	body = append(body, b...)
	var out []byte
	for _, n := range []uint32{uint32(headerSize + len(body)), 1, r.id, op} {
		out = binary.LittleEndian.AppendUint32(out, n)
	}
	return append(out, body...)
}
