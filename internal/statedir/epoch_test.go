//go:build linux

package statedir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

func TestEpoch(t *testing.T) {
	base := filepath.Join(t.TempDir(), "made")
	first := must.Get(BeginEpoch(base))(t)
	// The key that would be nearest to the file's name, and another one.
	for _, key := range []string{epochs, "key"} {
		d := open(t, base, key)
		if e, err := d.Epoch(); e != first || err != nil {
			t.Errorf("%q, %v, want %q", e, err, first)
		}
	}
	second, err := BeginEpoch(base)
	if err != nil || second == first {
		t.Errorf("%q after %q, %v", second, first, err)
	}
	left, err := filepath.Glob(filepath.Join(base, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for content, want := range map[string]string{"": "JSON", "{}": ErrNoEpoch.Error()} {
		must.Do(t, os.WriteFile(filepath.Join(base, epochs), []byte(content), 0o600))
		if e, err := open(t, base, "key").Epoch(); e != "" || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v", content, e, err)
		}
	}
	if _, err := open(t, t.TempDir(), "key").Epoch(); !errors.Is(err, ErrNoEpoch) {
		t.Errorf("where none has begun: %v", err)
	}
	if _, err := BeginEpoch("/proc/none"); err == nil {
		t.Error("an epoch below /proc")
	}
}

func TestHold(t *testing.T) {
	d := open(t, t.TempDir(), "key")
	if h, err := d.Held(); h != (Hold{}) || err != nil {
		t.Errorf("%+v, %v before there was one", h, err)
	}
	if err := d.NoteHold(Hold{Epoch: "e"}); !errors.Is(err, ErrBusy) {
		t.Errorf("without the flock: %v", err)
	}
	must.Do(t, d.TryLock())
	for _, want := range []Hold{{Epoch: "e"}, {Epoch: "e", Asked: true}, {}} {
		must.Do(t, d.NoteHold(want))
		if h, err := d.Held(); h != want || err != nil {
			t.Errorf("%+v, %v, want %+v", h, err, want)
		}
	}
	must.Do(t, os.WriteFile(d.path(holdFile), []byte("{"), 0o600))
	if _, err := d.Held(); err == nil {
		t.Error("garbage is no hold, and not none")
	}
}
