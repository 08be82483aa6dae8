package mongolock

import (
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ErrCollection marks a collection in which no lock can be held, because of
// one of its properties: a key must be one document, forever. It is an [ErrConfig].
var ErrCollection = fmt.Errorf("%w: this collection cannot hold locks", ErrConfig)

// bytewise compares keys byte for byte, whatever the collection's own collation says. It is for ranges of keys. A single
// key is asked for without it, because some servers then look at every document, and its answer is held against the key: where two keys
// are equal to the collection there can be only one of them, whatever is asked.
var bytewise = &options.Collation{Locale: "simple"} //nolint:gochecknoglobals // a constant

// otherKey is for a store that answers with the document of another key than was asked for.
func otherKey(asked, got string) error {
	return fmt.Errorf("%w: asked for the key %.100q it answers with that of %.100q: it does not compare keys byte for byte; use a collection without a collation", ErrCollection, asked, got)
}
