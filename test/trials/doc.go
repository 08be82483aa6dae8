//go:build linux

// Package trials tries the built binary: real processes, a real database, real
// faults, and a witness outside of all gates (test/witness) that says what happened.
//
// A trial is one holder that loses its lease in one way, or dies, and one
// challenger on another machine (another state directory) that has to take over. It passes if
//
//   - nothing of the workload is left, by the table of processes, within ttl of the
//     moment at which the last acknowledged renewal was sent: the holder's lease file says when that
//     was, and the proxy between holder and database has to agree, see [acknowledged];
//   - the challenger runs in its time, never beside the holder, with a higher token;
//   - gates end with the code that they document, and leave no process behind.
//
// Two holders at once are let pass only where the promise was left on purpose
// (force-release --now, a deleted document), and are counted apart.
//
// A trial whose lease is lost before the fault, or whose challenger loses it
// (a machine so busy that renewals fail), says nothing about the fault, and neither does a
// bound that was missed while the machine let nobody run, see [stalls]: these are counted as disturbed and
// tried again, three times at most. No disturbance excuses an overlap or a token.
package trials
