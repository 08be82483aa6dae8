//go:build linux

package guard

import (
	"errors"
	"io"
	"testing"

	"golang.org/x/sys/unix"
)

func nonBlockingPipe(t *testing.T) (in, out int) {
	t.Helper()
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(ends[0]) })
	return ends[0], ends[1]
}

// A guard that does not read must not stop the gate, and what does arrive is whole and in order.
func TestSendNeverBlocks(t *testing.T) {
	in, out := nonBlockingPipe(t)
	sent := 0
	var err error
	for ; err == nil; sent++ {
		err = send(out, record{Kind: kindDeadline, Seq: uint64(sent + 1), Value: -int64(sent)})
	}
	sent--
	if !errors.Is(err, unix.EAGAIN) || sent < 1000 {
		t.Fatalf("%v after %d records, want a full pipe", err, sent)
	}
	unix.Close(out)
	records, err := drain(in)
	if !errors.Is(err, io.EOF) {
		t.Errorf("drain: %v, want the end of the file", err)
	}
	if len(records) != sent {
		t.Fatalf("%d records arrived of %d", len(records), sent)
	}
	for i, r := range records {
		if r != (record{Kind: kindDeadline, Seq: uint64(i + 1), Value: -int64(i)}) {
			t.Fatalf("record %d is %+v", i, r)
		}
	}
}

func TestDecodeRefusesTornRecords(t *testing.T) {
	if _, err := decode(make([]byte, recordSize+1)); err == nil {
		t.Error("no error")
	}
}
