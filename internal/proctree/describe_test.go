//go:build linux

package proctree

import "testing"

func TestDescribe(t *testing.T) {
	all := []Process{{PID: 7, Comm: "cat", State: 'D'}, {PID: 8, Comm: "a\nb", State: 'T'}, {PID: 9, Comm: "x", State: 'q'}}
	const want = `7 ("cat", in uninterruptible sleep), 8 ("a\nb", stopped), 9 ("x", state q)`
	if got := Describe(all); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	many := make([]Process, 20)
	if got, want := Describe(many), ", and 12 more"; len(got) < len(want) || got[len(got)-len(want):] != want {
		t.Errorf("%s, want %s at its end", got, want)
	}
}
