// Package must ends a test at a step that fails: what has to work, or to happen, before there is something to judge.
// It is no assertion library: what a test is about it says in its own words.
package must

import (
	"testing"
	"time"
)

// Patience bounds every wait for what has to come; nothing takes that long.
const Patience = 30 * time.Second

// Do ends the test at an error.
func Do(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Get is for calls that return a value as well: f := must.Get(os.Open(name))(t).
func Get[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		Do(t, err)
		return value
	}
}

// AtEnd has something done at the test's end, which fails if that does.
func AtEnd(t testing.TB, do func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := do(); err != nil {
			t.Error(err)
		}
	})
}

// Happen waits until something has happened.
func Happen(t testing.TB, what string, happened func() bool) {
	t.Helper()
	HappenWithin(t, Patience, what, happened)
}

// HappenWithin is [Happen] with another bound than [Patience].
func HappenWithin(t testing.TB, bound time.Duration, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(bound); !happened(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", bound, what)
		}
	}
}

// Come waits for a value, or for the end of a channel.
func Come[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(Patience):
		t.Fatalf("not within %v: %s", Patience, what)
		panic("a test that goes on after its end")
	}
}
