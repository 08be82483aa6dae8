package main

import (
	"slices"
	"strings"
)

// unsafe is how a test begins to say that what the project promises did not
// hold. Nothing that is shown later makes up for it.
const unsafe = "UNSAFE: "

// worthAnother lists the tests that failed and may run once more, by
// themselves: none if one of them says that it was unsafe, or if there are more than most.
func (r *report) worthAnother(most int) []string {
	var names []string
	for _, id := range r.failed {
		pkg, test, _ := strings.Cut(id, " ")
		if test == "" || strings.Contains(strings.Join(r.outputs[id], ""), unsafe) {
			return nil // a package that failed without a test of it: a crash, a time-out
		}
		name, _, _ := strings.Cut(test, "/")
		if !slices.Contains(r.failed, pkg+" "+name) {
			return nil
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > most {
		return nil
	}
	return names
}

// forgive takes what failed, and passed in the package of second tries, from what failed to what is unsteady.
func (r *report) forgive(again string) {
	r.failed = slices.DeleteFunc(r.failed, func(id string) bool {
		pkg, test, _ := strings.Cut(id, " ")
		name, _, _ := strings.Cut(test, "/")
		if name == "" || pkg == again || !slices.Contains(r.passedParts, again+" "+name) {
			return false
		}
		r.unsteady = append(r.unsteady, id)
		return true
	})
}
