package main

const (
	viewGo   = "cmd/sidecar/view.go"
	judgedGo = "cmd/sidecar/judged.go"
)

// peopleMutants are of what people are told and may do by hand.
func peopleMutants() []mutant {
	return []mutant{
		{
			name: "views-take-any-store", protects: "views: a store other than the expected one is refused",
			edits: []edit{{"internal/agent/client.go", "if s.ExpectStore == \"\" || s.ExpectStore == fingerprint {", "if true {"}},
			tests: []string{"./cmd/sidecar -run=TestScripts/commands"},
		},
		{
			name: "the-dead-hold", protects: "views: a holder that no longer renews is not called one that holds",
			edits: []edit{{judgedGo, "if left := over.Sub(now); left > 0 {", "if left := over.Sub(now); true {"}},
			tests: []string{"./cmd/sidecar -run=TestScripts/silent"},
		},
	}
}
