package electproxy

import (
	"io"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/wire"
)

// Codes of src/mongo/base/error_codes.yml.
const (
	notPrimary              = 10107
	notPrimaryNoSecondaryOK = 13435
	interrupted             = 11602 // InterruptedDueToReplStateChange
)

// request is one command.
type request struct {
	wire.Message
	doc  bson.Raw
	name string
}

func readRequest(from io.Reader) (*request, error) {
	m, err := wire.Read(from)
	if err != nil {
		return nil, err //nolint:wrapcheck // the end of a connection
	}
	doc, _, err := m.Command()
	return &request{Message: m, doc: doc, name: m.Name()}, err //nolint:wrapcheck // the end of a connection
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
	return r.Answer(b)
}
