package main

// rotationMutants are of new credentials under leases that live.
func rotationMutants() []mutant {
	return []mutant{
		{
			name: "rotate-into-another-store", protects: "P1: new credentials lead to the same store",
			edits: []edit{{reconnectGo, `known != "" && known != s.Fingerprint`, `known == "?"`}},
			tests: []string{unit("TestP1_ReconnectToAnotherStore")},
		},
		{
			name: "rotate-without-rights", protects: "rotation: credentials that may not renew do not replace those that may",
			edits: []edit{{reconnectGo, "l.mayAcquire(ctx, next,", "l.mayAcquire(ctx, l.conn.current(),"}},
			tests: []string{unit("TestReconnectAsAnotherUser")},
		},
		{
			name: "rotate-under-calls", protects: "rotation: the old client is ended after its last call",
			edits: []edit{{reconnectGo, "\t\told.calls.Wait()\n", ""}},
			tests: []string{unit("TestReconnectLetsCallsEnd"), unit("TestReconnectUnderLoad")},
		},
		{
			name: "rotate-keeps-the-stream", protects: "rotation: a change stream does not keep the old client",
			edits: []edit{{hintGo, "defer context.AfterFunc(k.replaced, end)()", "_ = end"}},
			tests: []string{unit("TestReconnectUnderLoad")},
		},
		{
			name: "rotate-from-what-nobody-knows", protects: "P1: with a lease, a store that was never identified is not left for another",
			edits:      []edit{{reconnectGo, "if err != nil && l.leased.Load() {", "if false {"}},
			tests:      []string{unit("TestReconnectWithoutAFingerprint")},
			equivalent: "the look at the end of the exchange, rotate-while-a-lease-is-had, refuses it as well; this one comes before anything is asked of the other store",
		},
		{
			name: "rotate-while-a-lease-is-had", protects: "P1: nor is it left when the lease was had while the other was looked at",
			edits: []edit{{reconnectGo, `if known == "" && l.leased.Load() {`, "if false {"}},
			tests: []string{unit("TestReconnectWhileALeaseIsHad")},
		},
		{
			name: "rotate-reads-pipes", protects: "rotation: a pipe is read once",
			edits: []edit{{"internal/smallfile/smallfile.go", "if !info.Mode().IsRegular() {", "if !info.Mode().IsRegular() && false {"}},
			tests: []string{"./internal/credentials -run=TestPipesAreNotReadAgain"},
		},
		{
			name: "rotate-holds-the-end-up", protects: "rotation: the end of a gate waits for no file",
			edits: []edit{{"internal/agent/credentials.go", "case <-time.After(time.Second):\n\t}\n}", "}\n}"}},
			tests: []string{"./internal/agent -run=TestCloseWaitsForNoFile"},
		},
		{
			name: "identify-once", protects: "rotation: the store is identified before the credentials change",
			edits: []edit{{"internal/agent/session.go", "for err := tell(ses.ctx); err != nil && ses.ctx.Err() == nil; err = tell(ses.ctx) {", "if err := tell(ses.ctx); err != nil {"}},
			tests: []string{"./cmd/sidecar -run=TestStoreIsIdentifiedLater"},
		},
	}
}
