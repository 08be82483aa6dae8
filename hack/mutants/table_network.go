package main

// networkMutants are of what lies between a lease and its store: connections, outages, elections.
var networkMutants = []mutant{
	take("heartbeat-a-third", "P12: the default heartbeat leaves room for an election of the database",
		edits{{"Timing.WithDefaults", "fill(&t.Heartbeat, t.TTL/6)", "fill(&t.Heartbeat, t.TTL/3)"}}, unit("TestP12_DefaultsFollowFromTheTTL")),
	take("stale-connections-stay", "P5: a retry uses no connection that is as old as the call that got no answer",
		edits{{"connection.heard", "k.sockets.unanswered(sent)", "_ = sent"}}, unit("TestConnectionsThatDie")),
	take("used-connections-go-too", "P5: a connection that was heard, or asked later, outlives somebody else's call",
		edits{{"sockets.unanswered", "heard.Before(sent) && !asked.After(sent)", "true || heard.Before(sent) && !asked.After(sent)"}}, unit("TestWhichConnectionsAreSilent")),
	take("connect-once", "P5: an address that swallows what it is sent does not keep the next one from being tried",
		edits{{"sockets.DialContext", "case <-next.C: begin()", "case <-next.C:"}}, unit("TestAnAddressThatSwallows")),
	take("kernel-waits-for-ever", "P5: the kernel gives up a peer that does not acknowledge",
		edits{{"networkDialer", ", Control: userTimeout(max(operation, time.Second))", ""}}, unit("TestKernelFindsDeadPeers")),
	take("srv-name-is-not-waited-for", "run: a store that cannot be found yet is waited for",
		edits{{"session.commandLock", "ses.reached.Load() || unreached(err) && !ses.s.Try", "ses.reached.Load()"}}, "-timeout=100s ./cmd/sidecar -run=^TestRunWaitsForTheStore$"),
	take("srv-options-refused", "settings: the parser judges an SRV string as it is",
		edits{{"withoutSRV", `lower == "srvmaxhosts" || lower == "srvservicename"`, "false"}}, unit("TestURIOfSRVIsParsedAsItIs")),
	take("values-keep-line-breaks", "settings: what is left around a value is no part of it",
		edits{{"loader.put", "text = trim(text)", "_ = trim"}}, "./internal/settings -run=^TestWhatIsLeftAroundAValue$"),
	take("foreign-options-refused", "settings: a connection string may be shared with other drivers",
		edits{{"checkURI", "if foreignOptions[name] {", "if false {"}}, unit("TestURIOptionsOfOtherDrivers")),
}
