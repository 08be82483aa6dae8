//go:build linux

package podworkload

import (
	"time"

	"github.com/go-logr/logr"

	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/pkg/gate"
)

// Config says what a sidecar may do to its workload, and what it can see of it.
type Config struct {
	// Sentinel is the file that is written on loss and removed before the gate opens.
	Sentinel string
	// Kill signals every process of the workload in a shared process namespace.
	Kill bool
	// Leave ends the gate's own process; it is called on loss, once or more. With
	// LeaveAtOnce that is the protection, after the SIGKILL of Kill if there is one;
	// otherwise it is what remains when there is no evidence to wait for.
	Leave       func()
	LeaveAtOnce bool
	// Spare are names of programs: a container that begins with one of them is not the workload.
	Spare []string
	// Scan is the time between looks at the processes.
	Scan time.Duration
	// Twin does the same should this process be dead or frozen; nil: nobody does.
	Twin Twin
	// Budget says when the workload is killed, for the twin.
	Budget gate.Budget
	// Dir is asked for the word of a follower, where there is one.
	Dir *statedir.Dir
	// Idle is how long the lease is kept while a follower that has run once, or
	// may run, does not; zero: forever. It needs Dir.
	Idle time.Duration
	// Status is asked where there is no follower and no process of the workload is seen; nil: never.
	Status Status
	Clock  gate.Clock
	Log    logr.Logger
}

// Status is what the Kubernetes API says of the own pod. No method waits for it.
type Status interface {
	// Ended is true once every container of the workload is reported terminated and will not be started again.
	Ended() bool
	// Final is true where no container of the workload is started again however it ends, so that Ended comes after every end.
	Final() bool
}

// Twin is a second process that does what the protection says should this one be dead or frozen. Only Await waits for it.
type Twin interface {
	// Held says until when the workload may run.
	Held(deadline time.Duration)
	// Stopping says that the workload is being stopped, and will have been killed at an instant.
	Stopping(killAt time.Duration)
	// Await waits, no longer than within, until the twin has confirmed what it was told.
	Await(within time.Duration) error
	// Shut says that nothing of the workload may run.
	Shut()
	// Beat says that this process lives, and fails once the twin does not answer.
	Beat() error
}

// alone is a gate without a twin.
type alone struct{}

func (alone) Held(time.Duration)        {}
func (alone) Stopping(time.Duration)    {}
func (alone) Await(time.Duration) error { return nil }
func (alone) Shut()                     {}
func (alone) Beat() error               { return nil }
