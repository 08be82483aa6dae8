package mongolock

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
	"github.com/mongogate/mongogate/test/must"
)

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (f dialFunc) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return f(ctx, network, address)
}

// TestAnAddressThatSwallows: another attempt is begun beside one that gets no answer, and the slow one is kept.
func TestAnAddressThatSwallows(t *testing.T) {
	for name, c := range map[string]struct {
		takes []time.Duration // of each attempt; 0 is forever
		errs  []error
		want  time.Duration // 0 is an error
	}{
		"the second answers":      {takes: []time.Duration{0, time.Second}, want: 3 * time.Second},
		"the first is slow":       {takes: []time.Duration{5 * time.Second, 0, 0}, want: 5 * time.Second},
		"the first fails late":    {takes: []time.Duration{3 * time.Second, 2 * time.Second}, errs: []error{errors.New("no"), nil}, want: 4 * time.Second},
		"the first fails at once": {takes: []time.Duration{time.Millisecond}, errs: []error{errors.New("no")}},
		"nobody":                  {takes: []time.Duration{0, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				var n atomic.Int32
				l := newSockets(dialFunc(func(ctx context.Context, _, _ string) (net.Conn, error) {
					i := int(n.Add(1)) - 1
					var after <-chan time.Time
					if i < len(c.takes) && c.takes[i] > 0 {
						after = time.After(c.takes[i])
					}
					select {
					case <-after:
					case <-ctx.Done():
						return nil, ctx.Err()
					}
					if i < len(c.errs) && c.errs[i] != nil {
						return nil, c.errs[i]
					}
					a, b := net.Pipe()
					t.Cleanup(func() { _ = b.Close() })
					return a, nil
				}), 6*time.Second)
				ctx := within(t, 6*time.Second)
				began := time.Now()
				conn, err := l.DialContext(ctx, "tcp", "db:27017")
				if c.want == 0 {
					if err == nil {
						t.Error("connected")
					}
					return
				}
				if err != nil || time.Since(began) != c.want {
					t.Fatalf("%v after %v, want %v", err, time.Since(began), c.want)
				}
				if err := conn.Close(); err != nil || len(l.open) != 0 {
					t.Errorf("%v, %d sockets open", err, len(l.open))
				}
			})
		})
	}
}

// TestWhichConnectionsAreSilent: those that are as silent as the call that got no answer, and no other.
func TestWhichConnectionsAreSilent(t *testing.T) {
	bubble.Test(t, func(t *testing.T) {
		l := newSockets(dialFunc(func(context.Context, string, string) (net.Conn, error) {
			a, b := net.Pipe()
			go func() { // the server: says a word for each that it hears
				buffer := make([]byte, 1)
				for {
					if _, err := b.Read(buffer); err != nil {
						return
					}
					if buffer[0] == '?' {
						if _, err := b.Write(buffer); err != nil {
							return
						}
					}
				}
			}()
			t.Cleanup(func() { _ = b.Close() })
			return a, nil
		}), 6*time.Second)
		dial := func() net.Conn {
			conn := must.Get(l.DialContext(t.Context(), "tcp", "db:27017"))(t)
			return conn
		}
		say := func(conn net.Conn, what string) {
			t.Helper()
			must.Get(conn.Write([]byte(what)))(t)
			if what == "?" {
				must.Get(conn.Read(make([]byte, 1)))(t)
			}
		}
		idle, used, asked, mute := dial(), dial(), dial(), dial()
		say(idle, "?")
		say(used, "?")
		say(asked, "?")
		time.Sleep(10 * time.Second)
		sent := time.Now()
		time.Sleep(time.Second)
		say(used, "?")  // answered while the call was waiting
		say(asked, ".") // somebody else's question, of later
		time.Sleep(4 * time.Second)
		young := dial()
		time.Sleep(time.Second)
		l.unanswered(sent)
		for name, c := range map[string]struct {
			conn net.Conn
			open bool
		}{"idle": {idle, false}, "never heard": {mute, false}, "used": {used, true}, "asked": {asked, true}, "young": {young, true}} {
			if open := l.open[c.conn.(*socket)]; open != c.open {
				t.Errorf("%s: open %v, want %v", name, open, c.open)
			}
		}
		// A call that was given half a second proves nothing of sockets that were heard five seconds ago.
		l.unanswered(time.Now().Add(-500 * time.Millisecond))
		if !l.open[used.(*socket)] {
			t.Error("a short call ended a socket that was heard within the time of an operation")
		}
		for conn := range l.open {
			_ = conn.Conn.Close()
		}
	})
}
