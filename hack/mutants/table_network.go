package main

// networkMutants are of what lies between a lease and its store: connections, outages, elections.
func networkMutants() []mutant {
	return []mutant{
		{
			name: "heartbeat-a-third", protects: "P12: the default heartbeat leaves room for an election of the database",
			edits: []edit{{timingGo, "fill(&t.Heartbeat, t.TTL/6)", "fill(&t.Heartbeat, t.TTL/3)"}},
			tests: []string{unit("TestP12_DefaultsFollowFromTheTTL")},
		},
	}
}
