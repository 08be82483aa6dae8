// Package faultproxy stands between a MongoDB client and its server, in tests,
// and breaks the connection in the ways that networks do: cut, silent, slow,
// or with the answers lost. It also counts the requests by command, so that a
// test can say "exactly one command".
//
// Promised: a fault holds for every connection, old and new, from the moment
// its method returns until Heal. What a frozen network held back arrives after
// Heal, late, as TCP delivers after an outage, unless its connection was cut.
// Nothing is reordered within one direction of a connection.
//
// Not promised: commands of connections that use TLS or compression are not
// recognised (counted, or given to OnRequest); the faults for all apply to
// them too. New connections during a cut are accepted and reset at once, for a
// port that is given up might not come back.
package faultproxy

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/test/wire"
)

// Proxy listens on a port and forwards to one target.
type Proxy struct {
	target   string
	listener *net.TCPListener
	running  sync.WaitGroup

	mu        sync.Mutex
	state     state
	changed   chan struct{} // closed and replaced when state changes
	links     map[*link]struct{}
	counts    map[string]int
	onRequest func(command string) Action
	onAnswer  func(command string, arrived time.Time)
	closed    bool
}

// state is which faults hold.
type state struct {
	cut, frozen, dropReplies bool
	delay                    time.Duration
}

// Listen starts a proxy on loopback in front of target, a host and port.
// Nothing needs to listen there yet.
func Listen(target string) (*Proxy, error) { return ListenOn(net.IPv4(127, 0, 0, 1), target) }

// ListenOn is Listen at another address of this machine: one that containers reach.
func ListenOn(address net.IP, target string) (*Proxy, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: address})
	if err != nil {
		return nil, fmt.Errorf("faultproxy: listen: %w", err)
	}
	p := &Proxy{
		target: target, listener: listener,
		changed: make(chan struct{}), links: map[*link]struct{}{}, counts: map[string]int{},
	}
	p.running.Go(p.accept)
	return p, nil
}

// Addr is the proxy's own host and port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// URI rewrites a URI of the target so that it leads through the proxy, and
// past the discovery of other members, which would lead around it.
func (p *Proxy) URI(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "mongodb://")
	if !ok {
		// The URI is not in the error: there may be a password in it.
		return "", errors.New("faultproxy: the URI does not begin with mongodb://")
	}
	authority, tail, _ := strings.Cut(rest, "/")
	user := ""
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user = authority[:at+1]
	}
	path, query, _ := strings.Cut(tail, "?")
	settings := []string{"directConnection=true"}
	for setting := range strings.SplitSeq(query, "&") {
		if name, _, _ := strings.Cut(setting, "="); name != "" && !strings.EqualFold(name, "directConnection") {
			settings = append(settings, setting)
		}
	}
	return "mongodb://" + user + p.Addr() + "/" + path + "?" + strings.Join(settings, "&"), nil
}

// Count is how many requests have arrived at the proxy, by command name as it
// was sent. Of a fault it is independent: a request that a frozen network holds
// back has arrived here.
func (p *Proxy) Count() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.counts)
}

// OnRequest has decide asked what becomes of each request, hello and isMaster
// excepted, which always pass. nil passes everything. decide is called by the
// connections' goroutines, several at once; it must not call the proxy.
func (p *Proxy) OnRequest(decide func(command string) Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onRequest = decide
}

// OnAnswer has told called whenever an answer has been handed to the client's
// connection, with the command that it answers and when that arrived here; the
// answers to OnRequest's casualties excepted. What OnRequest may not do, told may not.
func (p *Proxy) OnAnswer(told func(command string, arrived time.Time)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onAnswer = told
}

// Close ends every connection and the listener, and waits for its goroutines.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	p.resetAll()
	p.mu.Unlock()
	err := p.listener.Close()
	p.running.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("faultproxy: close: %w", err)
	}
	return nil
}

// accept takes connections until the listener is closed.
func (p *Proxy) accept() {
	for {
		client, err := p.listener.AcceptTCP()
		if err != nil {
			return
		}
		l := newLink(p, client)
		p.mu.Lock()
		refuse := p.closed || p.state.cut
		if !refuse {
			p.links[l] = struct{}{}
			p.running.Go(l.run)
		}
		p.mu.Unlock()
		if refuse {
			l.reset()
		}
	}
}

// arrived counts a request and asks what becomes of it.
func (p *Proxy) arrived(command string) Action {
	p.mu.Lock()
	p.counts[command]++
	decide := p.onRequest
	p.mu.Unlock()
	if decide == nil || wire.Hello(command) {
		return Pass
	}
	return decide(command)
}

// delivered tells of an answer.
func (p *Proxy) delivered(a asked) {
	p.mu.Lock()
	told := p.onAnswer
	p.mu.Unlock()
	if told != nil {
		told(a.command, a.at)
	}
}

// resetAll cuts every connection. p.mu is held.
func (p *Proxy) resetAll() {
	for l := range p.links {
		l.reset()
	}
}
