package mongolock

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Filters and pipelines are written as documents of their language, for who reads them. Encoding them takes longer than
// everything else that this package does for a call, and from one call to the next they differ in a few values only. So each is encoded once, with
// other values (a stencil), and later calls copy the bytes and fill in what is theirs.
//
// Whoever writes them need not think of it: a stencil is used only when what it gives was seen to be byte for byte what
// encoding gives. Otherwise everything is encoded anew each time.

// shape is what a document is made of beside the values that are filled in.
type shape struct {
	what string
	// timing is what the lease's times are computed from.
	timing Timing
	keep   time.Duration
	// variant is whatever else decides how the document looks.
	variant string
	// lengths and ints are how long the texts are, and how many numbers there are: a stencil has room for just these.
	lengths [maxTexts]int
	ints    int
}

const (
	maxTexts    = 2
	maxInts     = 8
	maxStencils = 128
)

// values are filled in. They are no slices, so that they stay on the stack.
type values struct {
	texts [maxTexts]string
	ints  [maxInts]int64
	// n is how many of the numbers are there; more than there is room for are encoded anew each time.
	n int
}

// encoded is a filter or a pipeline as it is sent.
type encoded struct {
	kind bson.Type
	data []byte
}

// MarshalBSONValue makes it a [bson.ValueMarshaler].
func (e encoded) MarshalBSONValue() (kind byte, data []byte, err error) {
	return byte(e.kind), e.data, nil
}

// stencils are those of a Locker: its owner and its holder are part of them.
type stencils struct {
	mu   sync.RWMutex
	made map[shape]*stencil
}

type stencil struct {
	// never is true where encoding gives something else.
	never bool
	encoded
	texts []hole
	ints  []hole
}

// hole is where the i-th value goes; plus is what is added to a number: some are sent as the one after.
type hole struct{ at, i, plus int }

// encode gives what build makes of the values.
func (s *stencils) encode(of shape, v values, build func(values) any) (encoded, error) {
	for i, text := range v.texts {
		of.lengths[i] = len(text)
	}
	of.ints = v.n
	s.mu.RLock()
	known, count := s.made[of], len(s.made)
	s.mu.RUnlock()
	switch {
	case known != nil && !known.never:
		return known.fill(v), nil
	case known != nil || count >= maxStencils:
		return inFull(build(v))
	}
	e, err := inFull(build(v))
	if err != nil {
		return e, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.made == nil {
		s.made = map[shape]*stencil{}
	}
	s.made[of] = cut(e, v, build)
	return e, nil
}

func inFull(v any) (encoded, error) {
	kind, data, err := bson.MarshalValue(v)
	return encoded{kind, data}, err
}

// cut makes a stencil that gives just e for v.
func cut(e encoded, v values, build func(values) any) *stencil {
	const tries = 5 // where a short text is found by chance in another place
	for range tries {
		marks := values{n: v.n}
		for i, text := range v.texts {
			b := make([]byte, len(text))
			for j := range b {
				b[j] = byte(1 + rand.IntN(31)) //nolint:gosec // a mark that is looked for, no secret
			}
			marks.texts[i] = string(b)
		}
		for i := range v.n {
			marks.ints[i] = rand.Int64N(1 << 60) //nolint:gosec // the same
		}
		marked, err := inFull(build(marks))
		if err != nil || marked.kind != e.kind || len(marked.data) != len(e.data) {
			continue
		}
		c := &stencil{encoded: marked}
		c.find(marks)
		if bytes.Equal(c.fill(v).data, e.data) {
			return c
		}
	}
	return &stencil{never: true}
}

// find finds the holes: where the marks are.
func (c *stencil) find(marks values) {
	for i, text := range marks.texts {
		if text == "" {
			continue
		}
		pattern := binary.LittleEndian.AppendUint32(nil, uint32(len(text)+1)) //nolint:gosec // no text is that long
		pattern = append(append(pattern, text...), 0)
		for _, at := range all(c.data, pattern) {
			c.texts = append(c.texts, hole{at: at + 4, i: i})
		}
	}
	for i, n := range marks.ints[:marks.n] {
		for plus := range 2 {
			for _, at := range all(c.data, binary.LittleEndian.AppendUint64(nil, uint64(n)+uint64(plus))) { //nolint:gosec // both are positive
				c.ints = append(c.ints, hole{at, i, plus})
			}
		}
	}
}

func all(data, pattern []byte) []int {
	var at []int
	for from := 0; ; {
		i := bytes.Index(data[from:], pattern)
		if i < 0 {
			return at
		}
		at = append(at, from+i)
		from += i + 1
	}
}

func (c *stencil) fill(v values) encoded {
	data := bytes.Clone(c.data)
	for _, h := range c.texts {
		copy(data[h.at:], v.texts[h.i])
	}
	for _, h := range c.ints {
		binary.LittleEndian.PutUint64(data[h.at:], uint64(v.ints[h.i]+int64(h.plus))) //nolint:gosec // the same bits
	}
	return encoded{c.kind, data}
}
