package must

import (
	"errors"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/bubble"
)

// failing notes the end of a test, and ends the goroutine as a test's end does.
type failing struct {
	testing.TB
	ended bool
}

func (*failing) Helper()                 {}
func (f *failing) Fatal(...any)          { f.ended = true; runtime.Goexit() }
func (f *failing) Fatalf(string, ...any) { f.Fatal() }
func (f *failing) Error(...any)          { f.ended = true }
func (*failing) Cleanup(do func())       { do() }

// Whatever fails ends the test, and nothing else does.
func TestWhatFailsEndsTheTest(t *testing.T) {
	for name, c := range map[string]struct {
		step func(t testing.TB)
		ends bool
	}{
		"an error":             {func(t testing.TB) { Do(t, errors.ErrUnsupported) }, true},
		"no error":             {func(t testing.TB) { Do(t, nil) }, false},
		"an end that fails":    {func(t testing.TB) { AtEnd(t, func() error { return errors.ErrUnsupported }) }, true},
		"an end":               {func(t testing.TB) { AtEnd(t, func() error { return nil }) }, false},
		"no value":             {func(t testing.TB) { Get(os.Open("/none"))(t) }, true},
		"a value":              {func(t testing.TB) { Get(os.Getwd())(t) }, false},
		"what does not happen": {func(t testing.TB) { Happen(t, "it", func() bool { return false }) }, true},
		"what happens":         {func(t testing.TB) { Happen(t, "it", func() bool { return true }) }, false},
		"what does not come":   {func(t testing.TB) { Come(t, make(chan int), "it") }, true},
		"what comes":           {func(t testing.TB) { Come(t, time.After(time.Second), "it") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble.Test(t, func(t *testing.T) {
				f := &failing{TB: t}
				done := make(chan struct{})
				go func() { defer close(done); c.step(f) }()
				<-done
				if f.ended != c.ends {
					t.Errorf("the test ended: %v, want %v", f.ended, c.ends)
				}
			})
		})
	}
}
