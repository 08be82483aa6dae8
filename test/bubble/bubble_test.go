package bubble_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

// TestTimersThatAreDue ended the program within a second before bubbles had one thread.
func TestTimersThatAreDue(t *testing.T) {
	looks := 0
	for range 3 {
		bubble.Test(t, func(*testing.T) {
			var (
				all sync.WaitGroup
				mu  sync.Mutex
			)
			for range 4 {
				all.Go(func() {
					due := 0
					for range 10_000 {
						timer := time.NewTimer(0)
						select {
						case <-timer.C:
							due++
						default:
						}
						timer.Stop()
					}
					mu.Lock()
					looks += due
					mu.Unlock()
				})
			}
			all.Wait()
		})
	}
	if looks == 0 {
		t.Error("no timer was due")
	}
}

// TestNobodyElseUsesSynctest looks at every import of the module.
func TestNobodyElseUsesSynctest(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || filepath.Dir(path) == "." || strings.HasSuffix(path, "test/bubble/bubble.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		seen++
		for _, i := range file.Imports {
			if i.Path.Value == `"testing/synctest"` {
				t.Errorf("%s imports testing/synctest: use test/bubble, which the race detector bears", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 300 {
		t.Errorf("only %d files seen", seen)
	}
}
