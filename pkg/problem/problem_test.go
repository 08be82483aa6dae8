package problem_test

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"github.com/mongogate/mongogate/pkg/problem"
)

func TestString(t *testing.T) {
	for want, p := range map[string]problem.Problem{
		"ttl: 5: a number without a unit (from flag --ttl); give 5s": {Field: "ttl", Value: "5", Message: "a number without a unit", Source: "flag --ttl", Remedy: "give 5s"},
		"not set":                   {Message: "not set"},
		"uri: not set; give one":    {Field: "uri", Message: "not set", Remedy: "give one"},
		`key: "a  b": not UTF-8`:    {Field: "key", Value: `"a  b"`, Message: "not UTF-8"},
		"key: one line and no more": {Field: "key", Message: "one line\nand  no more"},
	} {
		if p.String() != want || p.Error() != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
}

func TestOf(t *testing.T) {
	p := problem.Of("sentinel", fmt.Errorf("creating it: %w", fs.ErrPermission), "name another file")
	err := fmt.Errorf("sidecar: %w", p)
	if !errors.Is(err, fs.ErrPermission) || p.String() != "sentinel: creating it: permission denied; name another file" {
		t.Error(p)
	}
	if found := (problem.Problem{}); !errors.As(err, &found) || found.Field != "sentinel" {
		t.Errorf("%+v", found)
	}
}

func TestAll(t *testing.T) {
	p, other := problem.Problem{Field: "ttl", Message: "too short"}, errors.New("other")
	all := problem.All(errors.Join(fmt.Errorf("settings: %w", p), other))
	if len(all) != 2 || all[0] != p || all[1].Message != "other" || !errors.Is(all[1], other) || problem.All(nil) != nil {
		t.Errorf("%+v", all)
	}
}

func TestEach(t *testing.T) {
	a, b, c := errors.New("a"), errors.New("b"), errors.New("c")
	more := fmt.Errorf("both: %w, %w", a, b)
	for _, x := range []struct {
		err  error
		want []error
	}{
		{nil, nil},
		{a, []error{a}},
		{errors.Join(a, nil, b), []error{a, b}},
		{errors.Join(errors.Join(a, b), c), []error{a, b, c}},
		{more, []error{more}},
		{errors.Join(more, c), []error{more, c}},
	} {
		if got := problem.Each(x.err); !slices.Equal(got, x.want) {
			t.Errorf("%v: %v", x.err, got)
		}
	}
}
