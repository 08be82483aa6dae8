//go:build linux

// Package guard runs a command under a guard: a second process, the same
// binary executed again, that ends the command's whole tree when the gate dies,
// freezes or falls silent.
//
//	gate ── control pipe: deadlines, signals ──▶ guard ──▶ command ──▶ its tree
//	     ◀─ status pipe: confirmations, ends ───
//
// Promised, as long as the kernel ends what is killed:
//   - the command starts only after the guard has confirmed a deadline that has not passed;
//   - when the gate has died the tree gets SIGTERM at once, otherwise at the
//     deadline, and SIGKILL at the latest KillAfter after the deadline; these are
//     instants of CLOCK_BOOTTIME, and a guard that wakes late goes straight to SIGKILL;
//   - when the guard has died the gate kills the tree at once; when the guard no
//     longer confirms, [Workload.Broken] says so, and Terminate and Kill work without it;
//   - [Workload.Gone] reports only what the kernel has proved: a subreaper has no child left.
//
// Not promised: anything when gate and guard are killed, or frozen, at the same
// moment (the command itself then dies with the guard, what it has started does
// not); what was handed to another daemon; a process that changes to a user
// whom we may not signal, which no_new_privs prevents unless we are root.
//
// The guard catches every signal that can be caught and drops it. Go cannot
// catch 32, 33 and 34; whoever sends those to the guard kills it, which is a dead
// guard like any other.
package guard
