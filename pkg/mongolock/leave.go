package mongolock

// Leave stops renewing and gives nothing back: the lease lives on in the
// store, for a process that adopts its nonce before others have watched it stand still
// for its ttl + grace. The lease ends with [ErrFinished] here.
func (s *Lease) Leave() {
	s.mu.Lock()
	s.finished = true
	asking := s.asking
	s.mu.Unlock()
	if asking != nil {
		asking()
	}
	s.end(ErrFinished)
	s.loops.Wait()
}

// Leave leaves both leases; see [Lease.Leave].
func (p *Pair) Leave() {
	p.end(ErrFinished)
	p.loop.Wait()
	p.Run.Leave()
	p.Job.Leave()
}
