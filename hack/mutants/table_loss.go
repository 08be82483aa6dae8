package main

const placeGo = "internal/fence/place.go"

// lossMutants are of what a sidecar does to a workload that it did not start.
func lossMutants() []mutant {
	return []mutant{
		{
			name: "kill-by-mark-alone", protects: "kill: a process without a mark is the workload's, once a container has shown one",
			edits: []edit{{targetsGo, "case trusted[i], t.within(c.in, t.spared):", "case trusted[i], t.within(c.in, t.spared), len(t.marked) > 0:"}},
			tests: []string{"./internal/fence -run=TestWithoutAMarkItIsTheWorkload"},
		},
		{
			name: "kill-spares-by-any-name", protects: "kill: a name spares the container that begins with it, and no process of another",
			edits: []edit{{targetsGo, "f := first[c.in.key(t.tell)]", "f := c"}},
			tests: []string{"./internal/fence -run=TestSparedByItsName"},
		},
		{
			name: "kill-name-over-mark", protects: "kill: the mark of a workload counts more than a name",
			edits: []edit{{targetsGo, "\t\tcase t.within(c.in, t.marked):\n", ""}},
			tests: []string{"./internal/fence -run=TestMarkOverAName"},
		},
		{
			name: "kill-stranger-spares-all", protects: "kill: a process above the containers spares nobody",
			edits: []edit{{targetsGo, "in == nil || in.above(t.own, t.tell) || ", "in == nil || "}},
			tests: []string{"./internal/fence -run=TestSparedByItsMark"},
		},
		{
			name: "kill-moved-is-own", protects: "kill: who is in our cgroup in one hierarchy alone is not ours",
			edits: []edit{{placeGo, "\t\tif !ok || !known || !below(ours, theirs) {\n\t\t\treturn false\n\t\t}\n\t}\n\treturn len(hierarchies) > 0", "\t\tif ok && known && below(ours, theirs) {\n\t\t\treturn true\n\t\t}\n\t}\n\treturn false"}},
			tests: []string{"./internal/fence -run=TestContainers"},
		},
	}
}
