// Package memory keeps locks in the memory of one process: for tests of programs that use package mongolock, with no
// database.
//
// Promised: what a collection in MongoDB does with each change this store does as well, byte for byte (a conformance
// suite runs against both). Not promised: that two processes see each other's locks, or that any outlives the process.
package memory

import (
	"bytes"
	"context"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Store is a [mongolock.Store]. Its zero value is empty and works. It may be used by many goroutines.
type Store struct {
	// Now is the store's own time; [time.Now].
	Now func() time.Time

	mu        sync.Mutex
	documents map[string]bson.Raw
}

var _ mongolock.Store = (*Store)(nil)

// Modify makes one change. Its error is that of ctx.
func (s *Store) Modify(ctx context.Context, c mongolock.Change) (bson.Raw, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	now := time.Now
	if s.Now != nil {
		now = s.Now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.documents[c.Key]
	after, applies := c.Apply(before, now())
	if !applies {
		return nil, nil
	}
	s.keep(c.Key, after)
	if c.Before {
		return bytes.Clone(before), nil
	}
	return bytes.Clone(after), nil
}

// Find returns the document of a key, nil where there is none. Its error is that of ctx.
func (s *Store) Find(ctx context.Context, key string) (bson.Raw, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.documents[key]), nil
}

// Edit changes the document of a key by hand, as an operator or a fault does. by is given nil where there is none, and
// deletes the document where it returns nil. It must not call the store.
func (s *Store) Edit(key string, by func(document bson.Raw) bson.Raw) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keep(key, bytes.Clone(by(bytes.Clone(s.documents[key]))))
}

func (s *Store) keep(key string, document bson.Raw) {
	if document == nil {
		delete(s.documents, key)
		return
	}
	if s.documents == nil {
		s.documents = map[string]bson.Raw{}
	}
	s.documents[key] = document
}
