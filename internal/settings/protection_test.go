package settings

import (
	"slices"
	"testing"
)

// What is in force is what is said of it in the log: a run has none of a sidecar's, whose default it could have.
func TestProtectionsInForce(t *testing.T) {
	for _, c := range []struct {
		command string
		args    []string
		want    []string
	}{
		{"run", nil, []string{Run}},
		{"run", []string{"--follow"}, []string{Run}},
		{"sidecar", nil, []string{Sentinel}},
		{"sidecar", []string{"--protection=follow"}, []string{Follow}},
		{"sidecar", []string{"--protection=restart", "--also=kill", "--kill-budget=7s", "--ttl=42s"}, []string{Kill, Restart}},
	} {
		s, err := world{args: c.args, env: plain()}.load(t, c.command)
		if err != nil {
			t.Errorf("%s %v: %v", c.command, c.args, err)
			continue
		}
		var names []string
		for _, p := range s.InForce() {
			names = append(names, p.Name)
		}
		if !slices.Equal(names, c.want) {
			t.Errorf("%s %v: %v, want %v", c.command, c.args, names, c.want)
		}
	}
}
