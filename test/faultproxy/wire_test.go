package faultproxy

import (
	"bytes"
	"crypto/rand"
	"io"
	"net"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// TestOpaqueStream: what is not the wire protocol (TLS) passes byte for byte.
func TestOpaqueStream(t *testing.T) {
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
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
	p := must.Get(Listen(listener.Addr().String()))(t)
	defer p.Close()
	conn := must.Get(net.Dial("tcp", p.Addr()))(t)
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
