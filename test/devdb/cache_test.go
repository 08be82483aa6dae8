//go:build unix

package devdb

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// TestInstallOnce: many that start at once build once, and nobody sees a half.
func TestInstallOnce(t *testing.T) {
	t.Setenv("MONGOGATE_CACHE", t.TempDir())
	var builds atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			dir, err := install(t.Context(), "thing", []byte("pins"), func(_ context.Context, dir string) error {
				builds.Add(1)
				for _, name := range []string{"first", "second"} {
					if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
			for _, name := range []string{"first", "second"} {
				if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
					t.Errorf("an installation without its parts: %v", err)
				}
			}
		})
	}
	all.Wait()
	if builds.Load() != 1 {
		t.Errorf("it was built %d times", builds.Load())
	}
}

// TestInstallThatFails leaves nothing, tells why, and may be tried again.
func TestInstallThatFails(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("MONGOGATE_CACHE", cache)
	_, err := install(t.Context(), "thing", nil, func(ctx context.Context, dir string) error {
		return run(ctx, dir, "sh", "-c", "touch half; echo the disk is full; exit 3")
	})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("the error is %v", err)
	}
	left, err := filepath.Glob(filepath.Join(cache, "*"))
	if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".lock") {
		t.Errorf("left: %v (%v)", left, err)
	}
	if _, err := install(t.Context(), "thing", nil, func(context.Context, string) error { return nil }); err != nil {
		t.Errorf("the second try: %v", err)
	}
}

// TestLockFileWaits as long as its context, and says for what.
func TestLockFileWaits(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock := must.Get(tryLock(path))(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := lockFile(ctx, path); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), path) {
		t.Errorf("while another has it: %v", err)
	}
	unlock()
	unlock = must.Get(lockFile(t.Context(), path))(t)
	unlock()
}
