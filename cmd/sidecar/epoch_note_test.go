//go:build linux

package main

import (
	"testing"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// A workload that has ended is forgotten, unless a loss has ended it: the
// kubelet starts its container again, with or without the gate.
func TestEpochNoteOutlivesALoss(t *testing.T) {
	for name, test := range map[string]struct {
		changes []gate.Change
		noted   bool
	}{
		"ended":              {[]gate.Change{{Action: gate.Finish}}, false},
		"killed for a loss":  {[]gate.Change{{Action: gate.Shut, State: gate.Lost}, {Action: gate.Finish}}, true},
		"not yet seen ended": {[]gate.Change{{Action: gate.Shut, State: gate.Lost}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			base := t.TempDir()
			now, err := statedir.BeginEpoch(base)
			if err != nil {
				t.Fatal(err)
			}
			dir, err := statedir.Open(base, "key")
			if err != nil {
				t.Fatal(err)
			}
			if err := dir.TryLock(); err != nil {
				t.Fatal(err)
			}
			e := &epochs{dir: dir, now: now}
			if err := e.opens(); err != nil {
				t.Fatal(err)
			}
			see := e.watch(func(gate.Change) {}, func(err error) {
				if err != nil {
					t.Error(err)
				}
			})
			for _, c := range test.changes {
				see(c)
			}
			if h, err := dir.Held(); err != nil || (h.Epoch == now) != test.noted {
				t.Errorf("noted: %+v %v; it is to be there: %v", h, err, test.noted)
			}
		})
	}
}
