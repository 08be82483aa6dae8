//go:build linux

package pipe

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/test/must"
)

// A reader that does not read holds up nobody, what does not fit is not taken in part, and all that was taken is read in one go.
func TestNobodyWaits(t *testing.T) {
	var ends [2]int
	must.Do(t, unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	in, out := ends[0], ends[1]
	defer unix.Close(in)
	if b, err := Drain(in); len(b) != 0 || err != nil {
		t.Errorf("an empty pipe: %q, %v", b, err)
	}
	var sent []byte
	piece, err := bytes.Repeat([]byte("0123456"), 100), error(nil)
	for err == nil {
		if err = Send(out, piece); err == nil {
			sent = append(sent, piece...)
		}
	}
	if !errors.Is(err, unix.EAGAIN) || len(sent) < 2*Size {
		t.Fatalf("%v after %d bytes, want a full pipe", err, len(sent))
	}
	if got, err := Drain(in); !bytes.Equal(got, sent) || err != nil {
		t.Errorf("%d bytes of %d, %v", len(got), len(sent), err)
	}
	must.Do(t, Send(out, piece))
	must.Do(t, unix.Close(out))
	if got, err := Drain(in); !bytes.Equal(got, piece) || !errors.Is(err, io.EOF) {
		t.Errorf("after the last writer: %q, %v", got, err)
	}
}
