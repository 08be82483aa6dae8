package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// TestModel: what the model allows and what not, one call after the other. The last one of each row is judged, the others are right.
func TestModel(t *testing.T) {
	const silence = 10 * time.Second
	var (
		won   = operation{do: acquire, got: ok, token: 5, how: "free"}
		over  = operation{do: finish, got: ok, token: 5}
		asked = operation{do: revoke, got: ok, shown: 5}
		freed = operation{do: force, got: ok, shown: 5}
		did   = operation{do: finish, got: ok, token: 5, leavesRecord: true}
		again = operation{do: renew, got: ok, token: 5}
		taken = operation{do: acquire, got: ok, token: 6, how: "taken-over"}
		next  = operation{do: acquire, got: ok, token: 6, how: "free"}
	)
	at := func(o operation, seconds int64) operation {
		o.call = time.Duration(seconds) * time.Second
		o.back = o.call
		return o
	}
	for name, c := range map[string]struct {
		before []operation
		last   operation
		legal  bool
	}{
		"a key that nobody had":                  {nil, won, true},
		"a held key":                             {[]operation{won}, next, false},
		"a key that was given back":              {[]operation{won, over}, next, true},
		"the same token":                         {[]operation{won, over}, won, false},
		"a smaller token":                        {[]operation{won, over}, operation{do: acquire, got: ok, token: 4, how: "free"}, false},
		"a key that is done":                     {[]operation{won, did}, next, false},
		"in another way":                         {[]operation{won}, operation{do: acquire, got: ok, token: 6, how: "adopted"}, false},
		"taken over in time":                     {[]operation{at(won, 0)}, at(taken, 10), true},
		"taken over too early":                   {[]operation{at(won, 0)}, at(taken, 9), false},
		"taken over too early after a renewal":   {[]operation{at(won, 0), at(again, 3)}, at(taken, 12), false},
		"taken over in time after a renewal":     {[]operation{at(won, 0), at(again, 3)}, at(taken, 13), true},
		"taken over where it is free":            {[]operation{won, over}, at(taken, 20), false},
		"refused, held":                          {[]operation{won}, operation{do: acquire, got: held, shown: 5}, true},
		"refused, held by another":               {[]operation{won}, operation{do: acquire, got: held, shown: 4}, false},
		"refused, free":                          {[]operation{won, over}, operation{do: acquire, got: held, shown: 5}, false},
		"refused, revoked and not told":          {[]operation{won, asked}, operation{do: acquire, got: held, shown: 5}, false},
		"refused, done":                          {[]operation{won, did}, operation{do: acquire, got: done}, true},
		"refused, and not done":                  {[]operation{won}, operation{do: acquire, got: done}, false},
		"renewed":                                {[]operation{won}, again, true},
		"renewed although forced":                {[]operation{won, freed}, again, false},
		"renewed although revoked":               {[]operation{won, asked}, again, false},
		"lost by a revocation":                   {[]operation{won, asked, over}, operation{do: renew, got: revoked, token: 5}, true},
		"lost by a revocation that nobody asked": {[]operation{won}, operation{do: renew, got: revoked, token: 5}, false},
		"lost":                                   {[]operation{won, freed}, operation{do: renew, got: lost, token: 5}, true},
		"lost while held":                        {[]operation{won}, operation{do: renew, got: lost, token: 5}, false},
		"lost to a twin":                         {[]operation{won}, operation{do: renew, got: odd, token: 5}, false},
		"given back where it was forced":         {[]operation{won, freed}, over, true},
		"given back where another has it":        {[]operation{at(won, 0), at(taken, 20)}, over, false},
		"done where it was forced":               {[]operation{won, freed}, did, false},
		"revoked":                                {[]operation{won}, asked, true},
		"revoked, free":                          {[]operation{won, over}, asked, false},
		"nobody to revoke":                       {[]operation{won, over}, operation{do: revoke, got: idle}, true},
		"nobody to revoke, held":                 {[]operation{won}, operation{do: revoke, got: idle}, false},
		"nothing to revoke":                      {nil, operation{do: revoke, got: absent}, true},
		"nothing to revoke, free":                {[]operation{won, over}, operation{do: revoke, got: absent}, false},
		"forced, done":                           {[]operation{won, did, freed}, next, true},
		"forced, nothing there":                  {nil, operation{do: force, got: ok}, false},
		"forced, another token":                  {[]operation{won}, operation{do: force, got: ok, shown: 4}, false},
		"nothing to force":                       {[]operation{won}, operation{do: force, got: absent}, false},
		"read, held":                             {[]operation{won}, operation{do: read, got: held, shown: 5}, true},
		"read, still held":                       {[]operation{won, over}, operation{do: read, got: held, shown: 5}, false},
		"read, already free":                     {[]operation{won}, operation{do: read, got: free, shown: 5}, false},
		"read, nothing there":                    {[]operation{won}, operation{do: read, got: absent}, false},
		"relied on":                              {[]operation{won}, operation{do: rely, got: ok, token: 5}, true},
		"relied on after a forced release":       {[]operation{won, freed, next}, operation{do: rely, got: ok, token: 5}, true},
		"relied on after a take-over":            {[]operation{at(won, 0), at(taken, 20)}, operation{do: rely, got: ok, token: 5}, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := state{is: absent}
			for _, o := range c.before {
				var legal bool
				if s, legal = s.after(o, silence); !legal {
					t.Fatalf("%v: is to be legal", o)
				}
			}
			if _, legal := s.after(c.last, silence); legal != c.legal {
				t.Errorf("%v: legal is %v, of %+v", c.last, legal, s)
			}
		})
	}
}

// TestCallsThatAreNotAnswered: they may take effect at any time, or never.
func TestCallsThatAreNotAnswered(t *testing.T) {
	at := func(call, back time.Duration, o operation) operation {
		o.call, o.back = call, back
		return o
	}
	won := func(token int64) operation { return operation{do: acquire, got: ok, token: token, how: "free"} }
	release := operation{do: finish, got: unknown, token: 5}
	seen := func(is outcome) operation { return operation{do: read, got: is, shown: 5} }
	for name, c := range map[string]struct {
		history []operation
		want    porcupine.CheckResult
	}{
		"never":                     {[]operation{at(0, 1, won(5)), at(2, forever, release), at(3, 4, seen(held))}, porcupine.Ok},
		"later":                     {[]operation{at(0, 1, won(5)), at(2, forever, release), at(3, 4, seen(held)), at(5, 6, seen(free))}, porcupine.Ok},
		"and not undone":            {[]operation{at(0, 1, won(5)), at(2, forever, release), at(3, 4, seen(free)), at(5, 6, seen(held))}, porcupine.Illegal},
		"not before it is asked":    {[]operation{at(0, 1, won(5)), at(4, forever, release), at(2, 3, seen(free))}, porcupine.Illegal},
		"not after it was settled":  {[]operation{at(0, 1, won(5)), at(2, 3, release), at(4, 5, seen(held)), at(6, 7, seen(free))}, porcupine.Illegal},
		"two at once":               {[]operation{at(0, 2, won(5)), at(1, 3, won(6))}, porcupine.Illegal},
		"one after the other":       {[]operation{at(0, 2, won(5)), at(1, forever, release), at(1, 3, won(6))}, porcupine.Ok},
		"an operator's, much later": {[]operation{at(0, forever, operation{do: force, got: unknown}), at(1, 2, won(5)), at(3, 4, seen(free))}, porcupine.Ok},
	} {
		t.Run(name, func(t *testing.T) {
			if got := check(model(time.Hour), c.history, decided); got != c.want {
				t.Errorf("%v, want %v:\n%s", got, c.want, listed(c.history))
			}
		})
	}
}
