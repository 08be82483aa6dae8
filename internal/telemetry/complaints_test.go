package telemetry

import (
	"errors"
	"slices"
	"testing"

	"github.com/go-logr/logr/funcr"
)

func TestComplaintsAreLoggedOnce(t *testing.T) {
	var said []string
	c := NewComplaints(funcr.New(func(_, line string) { said = append(said, line) }, funcr.Options{}))
	full, away := errors.New("disk full"), errors.New("no such file")
	for _, err := range []error{full, nil, full, away, full, full} {
		c.Log("cannot write", err)
	}
	c.Log("cannot read", full)
	c.Over()
	c.Log("cannot read", full)
	line := func(what string, err error) string {
		return `"msg"="` + what + `" "error"="` + err.Error() + `"`
	}
	want := []string{line("cannot write", full), line("cannot write", away), line("cannot write", full), line("cannot read", full), line("cannot read", full)}
	if !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}
