package mongolock

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"slices"
	"time"
)

// maxMarks bounds what a lease keeps of renewals that were never answered.
const maxMarks = 1024

// marks are the requests of one lease whose mark the document may show to it:
// the last that was answered, those that were not and may yet be applied, and those that
// have been overwritten since a request was sent whose answer is still awaited. A mark that is none of
// these was written by another process that renews the same nonce: a twin. The lease's mutex guards them.
type marks struct {
	sent []sentMark
	// seq counts sendings and answers, so that it is known which came before which.
	seq int64
}

type sentMark struct {
	mark int64
	// by seq; zero: not yet
	sent, answered, overwritten int64
	// awaited: somebody waits for the answer and will look at what it shows.
	awaited bool
}

// firstMark is what is known after the acquisition that wrote it.
func firstMark(mark int64) marks {
	return marks{sent: []sentMark{{mark: mark, answered: 1}}, seq: 1}
}

// newMark draws the mark of one request. The clock goes into it because two
// clones of a virtual machine may draw the same random numbers for a while.
func newMark() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return int64((binary.LittleEndian.Uint64(b[:]) ^ uint64(time.Now().UnixNano())) & math.MaxInt64)
}

// known are all of them, for a request to name.
func (m *marks) known() []int64 {
	all := make([]int64, len(m.sent))
	for i, s := range m.sent {
		all[i] = s.mark
	}
	return all
}

func (m *marks) knows(mark int64) bool {
	return slices.ContainsFunc(m.sent, func(s sentMark) bool { return s.mark == mark })
}

// send notes a request that is about to be sent.
func (m *marks) send(mark int64) {
	m.seq++
	if len(m.sent) >= maxMarks {
		m.sent = slices.Delete(m.sent, 0, 1)
	}
	m.sent = append(m.sent, sentMark{mark: mark, sent: m.seq, awaited: true})
}

// settle notes that the answer to a request has come, and been looked at, or is not awaited any
// more. What had been answered before an acknowledged request was sent had been applied before it, and is overwritten;
// it is forgotten when nobody waits any more for an answer that could show it.
func (m *marks) settle(mark int64, acknowledged bool) {
	i := slices.IndexFunc(m.sent, func(s sentMark) bool { return s.mark == mark })
	if i < 0 {
		return
	}
	m.seq++
	m.sent[i].awaited = false
	if acknowledged {
		m.sent[i].answered = m.seq
		for j, s := range m.sent {
			if s.answered != 0 && s.answered < m.sent[i].sent && s.overwritten == 0 {
				m.sent[j].overwritten = m.seq
			}
		}
	}
	oldest := m.seq + 1
	for _, s := range m.sent {
		if s.awaited {
			oldest = min(oldest, s.sent)
		}
	}
	m.sent = slices.DeleteFunc(m.sent, func(s sentMark) bool { return s.overwritten != 0 && s.overwritten < oldest })
}
