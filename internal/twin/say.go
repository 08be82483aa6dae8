//go:build linux

package twin

import (
	"fmt"
	"os"
	"time"
)

// say tells those who read standard error. The write may block as long as it likes; it ends with the process.
func (t *twin) say(what string) {
	said := make(chan struct{})
	t.said = said
	go func() {
		defer close(said)
		fmt.Fprintf(os.Stderr, "mongogate twin %d: %s\n", os.Getpid(), what)
	}()
}

// flush leaves the last word, which says why the container ends, a moment to be written.
func (t *twin) flush() {
	if t.said == nil {
		return
	}
	select {
	case <-t.said:
	case <-time.After(look):
	}
}

// complain says an error, once until it is another.
func (t *twin) complain(err error) {
	if err == nil || err.Error() == t.grumble {
		return
	}
	t.grumble = err.Error()
	t.say(t.grumble)
}
