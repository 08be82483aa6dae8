package main

const socketGo = "pkg/mongolock/socket.go"

// networkMutants are of what lies between a lease and its store: connections, outages, elections.
func networkMutants() []mutant {
	return []mutant{
		{
			name: "heartbeat-a-third", protects: "P12: the default heartbeat leaves room for an election of the database",
			edits: []edit{{timingGo, "fill(&t.Heartbeat, t.TTL/6)", "fill(&t.Heartbeat, t.TTL/3)"}},
			tests: []string{unit("TestP12_DefaultsFollowFromTheTTL")},
		},
		{
			name: "stale-connections-stay", protects: "P5: a retry uses no connection that is as old as the call that got no answer",
			edits: []edit{{"pkg/mongolock/connection.go", "k.sockets.unanswered(sent)", "_ = sent"}},
			tests: []string{unit("TestConnectionsThatDie")},
		},
		{
			name: "used-connections-go-too", protects: "P5: a connection that was heard, or asked later, outlives somebody else's call",
			edits: []edit{{socketGo, "heard.Before(sent) && !asked.After(sent)", "true || heard.Before(sent) && !asked.After(sent)"}},
			tests: []string{unit("TestWhichConnectionsAreSilent")},
		},
		{
			name: "connect-once", protects: "P5: an address that swallows what it is sent does not keep the next one from being tried",
			edits: []edit{{socketGo, "case <-next.C:\n\t\t\tbegin()", "case <-next.C:"}},
			tests: []string{unit("TestAnAddressThatSwallows")},
		},
		{
			name: "kernel-waits-for-ever", protects: "P5: the kernel gives up a peer that does not acknowledge",
			edits: []edit{{socketGo, "Control:         userTimeout(max(operation, time.Second)),", ""}},
			tests: []string{unit("TestKernelFindsDeadPeers")},
		},
		{
			name: "srv-name-is-not-waited-for", protects: "run: a store that cannot be found yet is waited for",
			edits: []edit{{agentLockGo, "ses.reached.Load() || unreached(err) && !ses.s.Try", "ses.reached.Load()"}},
			tests: []string{"-timeout=100s ./cmd/sidecar -run=^TestRunWaitsForTheStore$"},
		},
		{
			name: "srv-options-refused", protects: "settings: the parser judges an SRV string as it is",
			edits: []edit{{"pkg/mongolock/uri.go", `lower == "srvmaxhosts" || lower == "srvservicename"`, "false"}},
			tests: []string{unit("TestURIOfSRVIsParsedAsItIs")},
		},
		{
			name: "values-keep-line-breaks", protects: "settings: what is left around a value is no part of it",
			edits: []edit{{"internal/settings/load.go", "text = trim(text)", "_ = trim"}},
			tests: []string{"./internal/settings -run=^TestWhatIsLeftAroundAValue$"},
		},
		{
			name: "foreign-options-refused", protects: "settings: a connection string may be shared with other drivers",
			edits: []edit{{"pkg/mongolock/uri.go", "if foreignOptions[name] {", "if false {"}},
			tests: []string{unit("TestURIOptionsOfOtherDrivers")},
		},
	}
}
