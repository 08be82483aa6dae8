//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/test/witness"
)

// attack is a command that stops or kills those who watch it, as the same
// user, and not as root.
type attack struct {
	what         string // of test/witness
	byDescendant bool   // by a daemon that it has left behind
	isolation    string
}

// attacks are all kinds that are covered. Left out, and named in docs/use/safety.md as
// not covered without Landlock or a namespace: kill -9 by a descendant, of all or of both.
func attacks() []attack {
	var all []attack
	for _, isolation := range []string{"none", "signals"} {
		for _, what := range []string{witness.StopAll, witness.KillAll, witness.StopBoth} {
			for _, byDescendant := range []bool{false, true} {
				if isolation == "none" && what == witness.KillAll && byDescendant {
					continue
				}
				all = append(all, attack{what, byDescendant, isolation})
			}
		}
	}
	return all
}

func (p Plan) attacks() int {
	if os.Geteuid() != 0 {
		return 0 // kill -1 is for a user of its own
	}
	return p.Attacks
}

func (a attack) name() string {
	what := map[string]string{witness.StopAll: "kill -STOP -1", witness.KillAll: "kill -9 -1", witness.StopBoth: "kill -STOP of both"}[a.what]
	who, with := "the command", "kernel timers alone"
	if a.byDescendant {
		who = "a descendant"
	}
	if a.isolation == "signals" {
		with = "Landlock"
	}
	return fmt.Sprintf("%s by %s, %s", what, who, with)
}

// try: the command attacks, the database is cut off at the same time, and the
// challenger takes over. Nothing of the command may be left then.
func (a attack) try(ctx context.Context, t *Trial) (m Measure, err error) {
	if a.isolation == "signals" {
		if err := proctree.CanScopeSignals(); err != nil {
			return m, err
		}
	}
	work := witness.Work{Attack: a.what, Daemon: a.byDescendant, After: 1200*time.Millisecond + rand.N(heartbeat)}
	holder, err := t.holder(ctx, work, "--isolation", a.isolation)
	if err != nil {
		return m, err
	}
	b, err := t.start("b", false, witness.Work{})
	if err != nil {
		return m, err
	}
	if _, err := t.Line(ctx, "the command attacks", func(e witness.Entry) bool { return e.Note == witness.NoteAttack }); err != nil {
		return m, err
	}
	t.proxy.Cut()
	from := t.rig.clock.Now()
	gone, err := t.Gone(ctx, holder)
	if err != nil {
		return m, err
	}
	m, late := t.took(from, gone, ttl, "after the attack the workload was verified gone")
	if _, err := t.Started(ctx, b); err != nil {
		return m, err
	}
	if err := t.over(ctx, b); err != nil {
		return m, err
	}
	return m, late
}

// own gives a state directory, and what a gate writes in, to a user that nobody else is.
func (s *Scene) own(state string) (user int, err error) {
	user = 600_000_000 + rand.IntN(100_000_000)
	return user, errors.Join(
		os.Mkdir(state, 0o700), os.Chown(state, user, user),
		os.Chmod(s.rig.Dir, 0o711), os.Chmod(filepath.Dir(state), 0o711), os.Chmod(s.Log(), 0o666),
	)
}
