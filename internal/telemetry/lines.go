package telemetry

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What waits for a reader of the log, at most.
const (
	queuedLines = 1000
	queuedBytes = 1 << 20
)

// FlushWithin is how long the end of a process waits for who reads its log.
const FlushWithin = 500 * time.Millisecond

// Lines is the one way of log lines and errors to standard error. Whoever
// writes does not wait: for a pipe that nobody reads, a stopped terminal, a
// journal that is dead. Where too much waits the oldest lines are dropped, and
// a line in their place says how many.
type Lines struct {
	write func([]byte) error // may block for as long as it likes
	fd    int                // what is closed with it; -1 for none

	mu      sync.Mutex
	queue   [][]byte
	size    int
	missing int64 // dropped and not yet told
	dropped int64 // in all
	count   func()
	tell    func(missing int64) []byte
	// writing is closed when all that waited is written; nil while nothing waits.
	writing chan struct{}
	since   time.Time // when the write that is under way began
}

// NewLines writes to a file, such as standard error. Its descriptor is not used itself: the death of
// who reads a pipe is a fault of one write then, and does not end the process with SIGPIPE.
func NewLines(f *os.File) *Lines {
	fd := -1
	if c, err := f.SyscallConn(); err == nil {
		_ = c.Control(func(from uintptr) { // not Fd, which changes a pipe that others write to as well
			if n, err := unix.FcntlInt(from, unix.F_DUPFD_CLOEXEC, 3); err == nil {
				fd = n
			}
		})
	}
	if fd < 0 {
		return newLines(func(b []byte) error {
			_, err := f.Write(b)
			return err
		})
	}
	l := newLines(func(b []byte) error { return writeAll(fd, b) })
	l.fd = fd
	return l
}

func newLines(write func([]byte) error) *Lines {
	return &Lines{write: write, fd: -1, tell: func(n int64) []byte {
		return fmt.Appendf(nil, "mongogate: %d messages dropped: nobody read them in time\n", n)
	}}
}

// Write queues what is one line, or several. It never fails and never waits.
func (l *Lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, bytes.Clone(b))
	l.size += len(b)
	// The newest are kept: they say how it ended.
	for len(l.queue) > queuedLines || l.size > queuedBytes && len(l.queue) > 1 {
		l.size -= len(l.queue[0])
		l.queue = l.queue[1:]
		l.drop(0)
	}
	if l.writing == nil {
		l.writing, l.since = make(chan struct{}), time.Now()
		go l.drain() // ends when nothing waits, or with the process: a write that hangs is waited for by nobody
	}
	return len(b), nil
}

// Sync is for zap: what it would wait for is Flush's.
func (l *Lines) Sync() error { return nil }

func (l *Lines) drain() {
	for {
		b, told := l.next()
		if b == nil {
			return
		}
		if l.write(b) != nil {
			l.mu.Lock()
			l.drop(told)
			l.mu.Unlock()
		}
	}
}

// next is what is to be written, and how many missing lines it tells of; nil where nothing waits.
func (l *Lines) next() (b []byte, told int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
	if len(l.queue) == 0 {
		close(l.writing)
		l.writing = nil
		return nil, 0
	}
	b = l.queue[0]
	l.queue, l.size = l.queue[1:], l.size-len(b)
	if l.missing > 0 {
		told, l.missing = l.missing, 0
		b = append(l.tell(told), b...)
	}
	return b, told
}

// drop counts a line that nobody will read, and those of which the line before it was to tell.
func (l *Lines) drop(untold int64) {
	l.missing += untold + 1
	l.dropped++
	if l.count != nil {
		l.count()
	}
}

// Counted is called for each line that is dropped; it must not block.
func (l *Lines) Counted(count func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count = count
}

// Told makes the line that says how many are missing.
func (l *Lines) Told(tell func(missing int64) []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = tell
}

// Dropped is how many lines nobody will read.
func (l *Lines) Dropped() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dropped
}

// Flush waits until everything is written, but no longer than within, and not
// at all where the write that is under way has hung for that long already.
func (l *Lines) Flush(within time.Duration) {
	l.mu.Lock()
	writing, since := l.writing, l.since
	l.mu.Unlock()
	if writing == nil || !since.IsZero() && time.Since(since) >= within {
		return
	}
	select {
	case <-writing:
	case <-time.After(within):
	}
}

// Close flushes for [FlushWithin], as the last thing that a process does. What is written later may be lost.
func (l *Lines) Close() {
	l.Flush(FlushWithin)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.writing == nil && l.fd >= 0 { // else a write hangs, which ends with the process
		_ = unix.Close(l.fd)
		l.fd, l.write = -1, func([]byte) error { return os.ErrClosed }
	}
}

// writeAll writes to a descriptor that may be non-blocking: those who share a pipe may have made it so.
func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		switch err {
		case nil:
			b = b[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1); err != nil && err != unix.EINTR { //nolint:gosec // a descriptor
				return fmt.Errorf("waiting for the log's reader: %w", err)
			}
		default:
			return fmt.Errorf("writing the log: %w", err)
		}
	}
	return nil
}
