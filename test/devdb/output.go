package devdb

import "sync"

// output keeps what a process has printed: the beginning, where servers say
// that they are ready, and the end, where they say why they fail.
type output struct {
	mu    sync.Mutex
	head  []byte
	tail  []byte
	more  chan struct{} // closed and replaced at each write
	limit int
}

func newOutput() *output {
	return &output{more: make(chan struct{}), limit: 8 << 10}
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	room := min(o.limit-len(o.head), len(p))
	o.head = append(o.head, p[:room]...)
	o.tail = append(o.tail, p[room:]...)
	if extra := len(o.tail) - o.limit; extra > 0 {
		o.tail = append(o.tail[:0], o.tail[extra:]...)
	}
	close(o.more)
	o.more = make(chan struct{})
	return len(p), nil
}

// grown is closed at the next write after the call.
func (o *output) grown() <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.more
}

// reset forgets what was printed.
func (o *output) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.head, o.tail = o.head[:0], o.tail[:0]
}

// String is what was printed; of long output the middle is missing.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.head) + string(o.tail)
}
