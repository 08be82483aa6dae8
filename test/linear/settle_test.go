package linear

import (
	"strings"
	"testing"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// listedBy is what a document says whose last acquisitions got these tokens, all by one client.
func listedBy(client int, is outcome, tokens ...int64) map[string]document {
	d := document{State: is, Token: tokens[len(tokens)-1]}
	for _, n := range tokens {
		d.History = append(d.History, mongolock.HandOver{Owner: owner(client), Token: n, How: "free"})
	}
	return map[string]document{"key": d}
}

// TestSettled: what nobody was told of comes from the documents.
func TestSettled(t *testing.T) {
	pages := []page{
		{call: 10, back: 11},
		{call: 20, back: 21, documents: listedBy(1, held, 5)},
		{call: 30, back: 31, documents: listedBy(1, free, 5)},
		{call: 40, back: 41, documents: listedBy(1, held, 5, 6)},
	}
	history, ghosts, err := settled("key", []operation{
		{client: 1, key: "key", do: acquire, got: unknown, call: 3, back: 12},
		{client: 1, key: "key", do: acquire, got: held, call: 14, back: 15, shown: 9},
		{client: 1, key: "key", do: acquire, got: ok, call: 33, back: 34, token: 6},
		{client: 1, key: "key", do: renew, got: unknown, call: 35, back: 36, token: 6},
		{client: 1, key: "key", do: finish, got: unknown, call: 37, back: 38, token: 6},
		{client: 2, key: "another", do: acquire, got: ok, call: 1, back: 2, token: 5},
	}, pages, owner, false)
	if err != nil || ghosts != 1 {
		t.Fatalf("%d ghosts, %v", ghosts, err)
	}
	want := []operation{
		{client: 1, key: "key", do: acquire, got: ok, call: 10, back: 21, token: 5, how: "free", ghost: true},
		{client: 1, key: "key", do: finish, got: unknown, call: 10, back: 31, token: 5},
		{client: 1, key: "key", do: acquire, got: held, call: 14, back: 15, shown: 9},
		{client: 1, key: "key", do: acquire, got: ok, call: 33, back: 34, token: 6, how: "free"},
		{client: 1, key: "key", do: finish, got: unknown, call: 37, back: forever, token: 6},
	}
	if got := listed(history); got != listed(want) {
		t.Errorf("settled:\n%s\nwant:\n%s", got, listed(want))
	}
	weak, _, err := settled("key", []operation{{client: 1, key: "key", do: acquire, got: held, call: 3, back: 4}}, pages[:1], owner, true)
	if err != nil || len(weak) != 0 {
		t.Errorf("of a refusal that proves nothing: %v, %v", weak, err)
	}
}

// TestNotSettled: what cannot be told is an error, and not left out.
func TestNotSettled(t *testing.T) {
	many := listedBy(1, free, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20)
	for name, c := range map[string]struct {
		pages []page
		want  string
	}{
		"nobody asked": {[]page{{documents: listedBy(7, free, 5)}}, "nobody asked for"},
		"some missed":  {[]page{{documents: listedBy(1, free, 5)}, {documents: many}}, "more acquisitions than a document keeps"},
	} {
		if _, _, err := settled("key", []operation{{client: 1, key: "key", do: acquire, got: unknown}}, c.pages, owner, false); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
