package mongolock

import (
	"context"
	"sync"
)

// pending counts what goes on in the background after an acquisition was cut short.
type pending struct {
	mu   sync.Mutex
	n    int
	none chan struct{} // closed when n is zero again; nil where nobody waits for that
}

func (p *pending) add() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
}

func (p *pending) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n--; p.n == 0 && p.none != nil {
		close(p.none)
		p.none = nil
	}
}

// Settle waits until acquisitions that were cut short by the end of their context are undone in the store, or until ctx
// ends. Each is undone, or over by itself, after ttl + grace. [Locker.Close] does the same; a program that ends without Close does well to wait.
func (l *Locker) Settle(ctx context.Context) error {
	p := &l.pending
	p.mu.Lock()
	if p.n == 0 {
		p.mu.Unlock()
		return nil
	}
	if p.none == nil {
		p.none = make(chan struct{})
	}
	none := p.none
	p.mu.Unlock()
	select {
	case <-none:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
