package gate

import (
	"fmt"
	"time"
)

// The machine has no clock and does nothing: it is told what happened, and when, and says what is to be done.
func Example_machine() {
	m := newMachine(Budget{Kill: 4 * time.Second, KillAfter: 2 * time.Second}, false)
	step := func(now time.Duration, e event) {
		for _, a := range m.Step(now, e) {
			fmt.Println(now, m.State(), a.Kind)
		}
	}
	step(0, event{Kind: onAcquired, Deadline: 25 * time.Second})
	step(10*time.Second, event{Kind: onRenewed, Deadline: 35 * time.Second})
	step(35*time.Second, event{Kind: onTick})
	step(35*time.Second, event{Kind: onWarned})
	step(37*time.Second, event{Kind: onTick})
	step(38*time.Second, event{Kind: onGone})
	step(39*time.Second, event{Kind: onFinished})
	// Output:
	// 0s held open
	// 10s held extend
	// 35s lost shut
	// 35s lost warn
	// 35s lost terminate
	// 37s lost kill
	// 38s lost finish
	// 39s released exit
}

func Example_machineIsOpen() {
	m := newMachine(Budget{Kill: time.Second}, false)
	m.Step(0, event{Kind: onAcquired, Deadline: 25 * time.Second})
	// Computed at the moment of asking: nobody has to have noticed that the deadline has passed.
	fmt.Println(m.IsOpen(24*time.Second), m.IsOpen(25*time.Second))
	// Output: true false
}

func ExampleBootClock() {
	clock := BootClock()
	before := clock.Now()
	fmt.Println(clock.Now() >= before)
	// Output: true
}
