package linear

import (
	"context"
	"fmt"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// look reads the documents of some keys as a majority keeps them, past all faults but those of the server itself.
type look func(ctx context.Context, keys []string) (map[string]bson.Raw, error)

// page is what the documents said between two instants.
type page struct {
	call, back time.Duration
	documents  map[string]document
}

// document is what settles calls that got no answer.
type document struct {
	State   outcome              `bson:"state"`
	Token   int64                `bson:"token"`
	History []mongolock.HandOver `bson:"history"`
}

// scribe copies the documents again and again.
type scribe struct {
	look  look
	keys  []string
	now   func() time.Duration
	pages []page
}

// every is how often: a document keeps its last ten acquisitions, and none may be missed.
const every = 30 * time.Millisecond

// writes copies until ctx ends. What the server does not answer is left out.
func (s *scribe) writes(ctx context.Context) {
	for ctx.Err() == nil {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		_ = s.copy(short) // a server that is away
		cancel()
		pause(ctx, every)
	}
}

func (s *scribe) copy(ctx context.Context) error {
	p := page{call: s.now(), documents: map[string]document{}}
	all, err := s.look(ctx, s.keys)
	if err != nil {
		return fmt.Errorf("copying the documents: %w", err)
	}
	p.back = s.now()
	for key, raw := range all {
		var d document
		if err := bson.Unmarshal(raw, &d); err != nil {
			return fmt.Errorf("copying the document of %q: %w", key, err)
		}
		p.documents[key] = d
	}
	s.pages = append(s.pages, p)
	return nil
}

// last copies once more, when everything is over and the server answers again.
func (s *scribe) last(ctx context.Context) error {
	for {
		err := s.copy(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		pause(ctx, every)
	}
}

// begin writes in the background, until the function that it returns is called.
func (s *scribe) begin() (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() { s.writes(ctx) })
	return func() {
		stop()
		wait.Wait()
	}
}
