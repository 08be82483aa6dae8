// Package gate decides when a workload may run under a lease.
//
// What is promised, as long as clock rates differ by less than the lease's
// drift margin and the workload can be stopped within its kill budget:
//
//   - The gate is open only in the state Held and before the lease's local
//     deadline, computed at the moment of asking.
//   - On loss the order is: readiness false, sentinel, SIGTERM, SIGKILL,
//     evidence that nothing is left, and only then the lease is given back or waited for
//     again. The instants of SIGTERM and SIGKILL are absolute: who wakes up late goes straight to SIGKILL.
//   - Without evidence a lease is never given back: it runs out.
//   - A lost lease never opens the gate again, whatever answer comes late.
//
// What is not promised: anything while this process and everything that
// watches over the workload are frozen or dead at once, and what a workload
// handed to others while it ran.
//
// Its core is a state machine (machine.go), without goroutines, clocks or I/O: the same
// code runs in production and in simulations. [Gate] drives it with a lock, a workload and a clock that
// are handed in. Nothing but the standard library is linked with it.
package gate
