package main

// peopleMutants are of what people are told and may do by hand.
var peopleMutants = []mutant{
	take("views-take-any-store", "views: a store other than the expected one is refused",
		edits{{"OtherStore", `if s.ExpectStore == "" || s.ExpectStore == fingerprint {`, "if true {"}}, "./cmd/sidecar -run=TestScripts/commands"),
	take("the-dead-hold", "views: a holder that no longer renews is not called one that holds",
		edits{{"sidecar.judge", "if left := over.Sub(now); left > 0 {", "if left := over.Sub(now); true {"}}, "./cmd/sidecar -run=TestScripts/silent"),
}
