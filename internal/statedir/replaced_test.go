//go:build linux

package statedir

import (
	"os"
	"testing"
)

// A directory that was moved away and made anew knows nothing of the follower that runs under the lease: no evidence comes out of it.
func TestDirectoryThatWasReplaced(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"moved away":               func(path string) error { return os.Rename(path, path+"-gone") },
		"removed":                  os.RemoveAll,
		"moved away and made anew": func(path string) error { return firstError(os.Rename(path, path+"-gone"), os.Mkdir(path, 0o770)) },
		"anew, with a lock of them": func(path string) error {
			return firstError(os.Rename(path, path+"-gone"), os.Mkdir(path, 0o770), os.WriteFile(path+"/gate.lock", nil, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, t.TempDir(), "key")
			if err := d.TryLock(); err != nil {
				t.Fatal(err)
			}
			if err := d.MarkIdle(1); err != nil {
				t.Fatal(err)
			}
			if err := replace(d.Path()); err != nil {
				t.Fatal(err)
			}
			if err := d.MarkIdle(2); err == nil {
				t.Error("it was said that nothing runs")
			}
			if f, err := d.Stopped(2); f != nil || err == nil {
				t.Errorf("evidence: %v, %v", f, err)
			}
			if err := d.WriteLease(Lease{Token: 2, Open: true}); err == nil {
				t.Error("a lease was written where nobody looks for it")
			}
			if crashed, err := d.Crashed(); err != nil || !crashed {
				t.Errorf("evidence is waited for: %v, %v", crashed, err)
			}
		})
	}
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
