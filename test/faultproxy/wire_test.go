package faultproxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"
)

// TestOpaqueStream: what is not the wire protocol (TLS) passes byte for byte.
func TestOpaqueStream(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.Copy(conn, conn)
	}()
	p, err := Listen(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make([]byte, 1<<20)
	rand.Read(sent)
	copy(sent, []byte{0x16, 3, 1, 2, 0, 1}) // how a TLS client begins
	go func() {
		conn.Write(sent)
		conn.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(conn)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes came back of %d (%v), equal: %t", len(got), len(sent), err, bytes.Equal(got, sent))
	}
	<-echoed
	if len(p.Count()) != 0 {
		t.Errorf("commands were seen: %v", p.Count())
	}
}

// TestCommand: a section of kind 1 may stand first, and damaged ones are no command.
func TestCommand(t *testing.T) {
	document := append([]byte{14, 0, 0, 0, 0x10}, "insert\x00\x01\x00\x00\x00\x00"...)
	flags := make([]byte, 4)
	list := append([]byte{1, 12, 0, 0, 0}, "documen\x00"...)
	for _, c := range []struct {
		name string
		code int
		body []byte
		want string
	}{
		{"document first", opMsg, join(flags, []byte{0}, document), "insert"},
		{"list first", opMsg, join(flags, list, []byte{0}, document), "insert"},
		{"list alone", opMsg, join(flags, list), ""},
		{"list of no size", opMsg, join(flags, []byte{1, 0, 0, 0, 0, 0}), ""},
		{"list longer than the message", opMsg, join(flags, []byte{1, 255, 0, 0, 0, 0}), ""},
		{"query", opQuery, join(flags, []byte("admin.$cmd\x00"), make([]byte, 8), document), "insert"},
		{"query cut short", opQuery, join(flags, []byte("admin.$cmd")), ""},
		{"compressed", opCompressed, document, ""},
		{"empty", opMsg, nil, ""},
		{"document cut short", opMsg, join(flags, []byte{0}, document[:8]), ""},
	} {
		if got := command(c.code, c.body); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
