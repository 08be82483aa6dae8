package faultproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// held is how many messages one direction may hold back before its sender has to wait.
const held = 1024

// link is one client's connection and the one to the server that belongs to it.
type link struct {
	proxy  *Proxy
	client *net.TCPConn
	ctx    context.Context // ends when the link is reset
	cancel context.CancelFunc

	// silent lets nothing through any more, deaf no answers.
	silent, deaf atomic.Bool

	mu      sync.Mutex
	server  *net.TCPConn     // nil until it is connected
	replies map[int32]Action // what becomes of the answers to these requests
	asked   map[int32]asked  // requests whose answers have not come
	down    bool
}

// parcel is what travels in one direction: a message, or the end.
type parcel struct {
	bytes []byte
	due   time.Time // not delivered before
	asked asked     // the request that it answers, if any
	end   error     // io.EOF: the sender has closed; another error: the connection broke
}

// asked is a request that has gone to the server.
type asked struct {
	command string
	at      time.Time
}

func newLink(p *Proxy, client *net.TCPConn) *link {
	ctx, cancel := context.WithCancel(context.Background())
	return &link{proxy: p, client: client, ctx: ctx, cancel: cancel, replies: map[int32]Action{}, asked: map[int32]asked{}}
}

// run forwards in both directions until both have ended.
func (l *link) run() {
	defer func() {
		l.close()
		l.proxy.mu.Lock()
		delete(l.proxy.links, l)
		l.proxy.mu.Unlock()
	}()
	dialer := net.Dialer{Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(l.ctx, "tcp", l.proxy.target)
	if err != nil {
		l.pass() // a frozen network does not tell that the server is away
		l.reset()
		return
	}
	server := conn.(*net.TCPConn)
	l.mu.Lock()
	l.server = server
	down := l.down
	l.mu.Unlock()
	if down {
		server.Close()
		return
	}
	var directions sync.WaitGroup
	there, back := make(chan parcel, held), make(chan parcel, held)
	directions.Go(func() { l.read(l.client, there, l.request) })
	directions.Go(func() { l.write(server, there, false) })
	directions.Go(func() { l.read(server, back, l.reply) })
	directions.Go(func() { l.write(l.client, back, true) })
	directions.Wait()
}

// read takes in messages whatever the faults are: a network takes them too.
func (l *link) read(from *net.TCPConn, into chan<- parcel, judge func(message) Action) {
	defer close(into)
	in := stream{in: bufio.NewReader(from)}
	for {
		message, err := in.next()
		if err == nil {
			switch judge(message) {
			case Pass:
			case DropRequest, DropReply:
				continue
			case ResetReply:
				err = errReset
			}
		}
		state, _ := l.proxy.now()
		p := parcel{bytes: message.Bytes, due: time.Now().Add(state.delay), asked: l.answered(message), end: err}
		select {
		case into <- p:
		case <-l.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// write delivers what read took in, when the faults let it.
func (l *link) write(to *net.TCPConn, from <-chan parcel, replies bool) {
	for parcel := range from {
		if !l.wait(parcel.due) || !l.pass() {
			return
		}
		if errors.Is(parcel.end, io.EOF) {
			// The other direction may still have something to say.
			to.CloseWrite()
			return
		}
		if parcel.end != nil {
			l.reset()
			return
		}
		if state, _ := l.proxy.now(); replies && (state.dropReplies || l.deaf.Load()) {
			continue
		}
		if _, err := to.Write(parcel.bytes); err != nil {
			l.reset()
			return
		}
		if parcel.asked.command != "" {
			l.proxy.delivered(parcel.asked)
		}
	}
}

// wait waits for an instant. False: the link was reset.
func (l *link) wait(due time.Time) bool {
	if time.Until(due) <= 0 {
		return true
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// pass waits while the network is frozen. False: the link was reset.
func (l *link) pass() bool {
	for {
		state, changed := l.proxy.now()
		if l.silent.Load() {
			<-l.ctx.Done()
			return false
		}
		if !state.frozen {
			return l.ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-l.ctx.Done():
			return false
		}
	}
}

var errReset = errors.New("reset by OnRequest")

// request judges a message of the client.
func (l *link) request(m message) Action {
	if m.command == "" {
		return Pass
	}
	action := l.proxy.arrived(m.command)
	if action == DropReply || action == ResetReply {
		l.mu.Lock()
		l.replies[m.ID] = action
		l.mu.Unlock()
		return Pass
	}
	if action == Pass {
		l.mu.Lock()
		l.asked[m.ID] = asked{m.command, time.Now()}
		l.mu.Unlock()
	}
	return action
}

// answered finds the request that a message of the server answers.
func (l *link) answered(m message) asked {
	if m.Answers == 0 {
		return asked{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.asked[m.Answers]
	delete(l.asked, m.Answers)
	return a
}

// reply judges a message of the server.
func (l *link) reply(m message) Action {
	l.mu.Lock()
	defer l.mu.Unlock()
	action := l.replies[m.Answers]
	delete(l.replies, m.Answers)
	return action
}

// reset cuts both connections so that the peers see a reset, not an orderly
// end. It does not wait and may be called again.
func (l *link) reset() {
	l.mu.Lock()
	for _, conn := range []*net.TCPConn{l.client, l.server} {
		if conn != nil {
			conn.SetLinger(0)
		}
	}
	l.mu.Unlock()
	l.close()
}

// close ends both connections; what was delivered still arrives.
func (l *link) close() {
	l.cancel()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = true
	l.client.Close()
	if l.server != nil {
		l.server.Close()
	}
}
