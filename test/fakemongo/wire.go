package fakemongo

import (
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/wire"
)

// message is one request, its document sequences folded into the command as arrays.
type message struct {
	wire.Message
	command bson.D
}

func readMessage(r io.Reader) (*message, error) {
	sent, err := wire.Read(r)
	if err != nil {
		return nil, err //nolint:wrapcheck // the end of a connection
	}
	document, lists, err := sent.Command()
	if err != nil {
		return nil, err //nolint:wrapcheck // the end of a connection
	}
	command, err := decode(document)
	if err != nil {
		return nil, err
	}
	for _, list := range lists {
		docs := make(bson.A, len(list.Documents))
		for i, document := range list.Documents {
			if docs[i], err = decode(document); err != nil {
				return nil, err
			}
		}
		command = append(command, bson.E{Key: list.Name, Value: docs})
	}
	return &message{sent, command}, nil
}

// answer is the wire form of the reply to m.
func (m *message) answer(doc bson.D) ([]byte, error) {
	raw, err := encode(doc)
	if err != nil {
		return nil, err
	}
	return m.Answer(raw), nil
}
