package gate_test

import (
	"context"
	"fmt"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
)

// always is a lock that nobody else wants. A real one is mongolock's.
type always struct{ clock gate.Clock }

func (l always) Acquire(context.Context) (gate.Lease, error) {
	return &lease{deadline: l.clock.Now() + 30*time.Second, done: make(chan struct{})}, nil
}

type lease struct {
	deadline time.Duration
	done     chan struct{}
}

func (l *lease) Key() string              { return "reports" }
func (l *lease) Token() int64             { return 7 }
func (l *lease) Deadline() time.Duration  { return l.deadline }
func (l *lease) Renewed() <-chan struct{} { return nil }
func (l *lease) Done() <-chan struct{}    { return l.done }
func (l *lease) Err() error               { return nil }
func (l *lease) Finish(_ context.Context, o gate.Outcome) error {
	fmt.Println("finished:", o == gate.Succeeded)
	return nil
}

// errand is a workload that ends by itself, without a process: it needs no fence.
type errand struct{ gone chan gate.Ended }

func (e errand) Start(g gate.Grant) {
	fmt.Printf("%s runs with token %d\n", g.Key, g.Token)
	e.gone <- gate.Ended{Unasked: true}
}
func (e errand) Extend(time.Duration)        {}
func (e errand) Warn(string) <-chan struct{} { return nil }
func (e errand) Terminate()                  {}
func (e errand) Kill()                       {}
func (e errand) Broken() <-chan error        { return nil }
func (e errand) Gone() <-chan gate.Ended     { return e.gone }

func ExampleNew() {
	clock := gate.BootClock()
	g, err := gate.New(gate.Config{
		Clock:        clock,
		Budget:       gate.Budget{Kill: 5 * time.Second, KillAfter: 3 * time.Second},
		Lock:         always{clock},
		Workload:     errand{make(chan gate.Ended, 1)},
		FinishWithin: 12 * time.Second,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	result := g.Run(context.Background())
	fmt.Println(result.Started, result.Ended.Code, g.Open())
	// Output:
	// reports runs with token 7
	// finished: true
	// true 0 false
}

func ExampleBudget_Validate() {
	fmt.Println(gate.Budget{Kill: 5 * time.Second, KillAfter: 3 * time.Second}.Validate())
	fmt.Println(gate.Budget{Kill: 5 * time.Second, KillAfter: 4 * time.Second}.Validate())
	// Output:
	// <nil>
	// kill after 4s > ¾ × kill budget 5s = 3.75s: the workload could outlive the lease
}
