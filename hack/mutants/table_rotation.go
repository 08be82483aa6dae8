package main

// rotationMutants are of new credentials under leases that live.
var rotationMutants = []mutant{
	take("rotate-into-another-store", "P1: new credentials lead to the same store",
		edits{{"Locker.same", `known != "" && known != s.Fingerprint`, `known == "?"`}}, unit("TestP1_ReconnectToAnotherStore")),
	take("rotate-without-rights", "rotation: credentials that may not renew do not replace those that may",
		edits{{"Locker.same", "l.mayAcquire(ctx, next,", "l.mayAcquire(ctx, l.conn.current(),"}}, unit("TestReconnectAsAnotherUser")),
	take("rotate-under-calls", "rotation: the old client is ended after its last call",
		edits{{"Locker.retire", "old.calls.Wait()", ""}}, unit("TestReconnectLetsCallsEnd"), unit("TestReconnectUnderLoad")),
	take("rotate-keeps-the-stream", "rotation: a change stream does not keep the old client",
		edits{{"hints.read", "defer context.AfterFunc(k.replaced, end)()", "_ = end"}}, unit("TestReconnectUnderLoad")),
	take("rotate-from-what-nobody-knows", "P1: with a lease, a store that was never identified is not left for another",
		edits{{"Locker.fingerprintInUse", "if err != nil && l.leased.Load() {", "if false {"}}, unit("TestReconnectWithoutAFingerprint")).unseen(
		"the look at the end of the exchange, rotate-while-a-lease-is-had, refuses it as well; this one comes before anything is asked of the other store"),
	take("rotate-while-a-lease-is-had", "P1: nor is it left when the lease was had while the other was looked at",
		edits{{"Locker.same", `if known == "" && l.leased.Load() {`, "if false {"}}, unit("TestReconnectWhileALeaseIsHad")),
	take("rotate-reads-pipes", "rotation: a pipe is read once",
		edits{{"Read", "if !info.Mode().IsRegular() {", "if !info.Mode().IsRegular() && false {"}}, "./internal/credentials -run=TestPipesAreNotReadAgain"),
	take("rotate-holds-the-end-up", "rotation: the end of a gate waits for no file",
		edits{{"session.stopRotating", "case <-time.After(time.Second):", ""}}, "./internal/agent -run=TestCloseWaitsForNoFile"),
	take("identify-once", "rotation: the store is identified before the credentials change",
		edits{{"session.identify", "for err := tell(ses.ctx); err != nil && ses.ctx.Err() == nil; err = tell(ses.ctx)", "if err := tell(ses.ctx); err != nil"}}, "./cmd/sidecar -run=TestStoreIsIdentifiedLater"),
}
