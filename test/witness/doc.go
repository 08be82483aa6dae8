//go:build linux

// Package witness is an observer outside of all gates. Workloads write what
// they do to one append-only log, an [Observer] adds from the table of processes
// when nothing is left of them, and [Judge] says afterwards whether two
// workloads of one key ever ran at once and whether the fencing tokens grew.
//
// It knows nothing of locks, leases or databases: it would say the same of
// workloads that run under another product, or under none.
//
// A workload is every process that was started with [EnvID] in its environment,
// whatever it has forked, whoever its parent has become. It runs from its first
// line until the table of processes shows none of it:
//
//	start   by the workload, before it does anything; names those of its key that it finds alive
//	beat    by each of its processes, every few milliseconds
//	end     by the workload, when it ends by its own will
//	gone    by the observer: verified, with the last instant at which something of it was alive for certain
//	excuse  by whoever is about to leave the promise on purpose (--now, a deleted document)
//
// What is judged an overlap was one: a process of the earlier workload wrote a
// line, or was seen in /proc, after the later one's first line. What is judged
// clean may hide an overlap shorter than the later workload's first look at
// /proc, some milliseconds after its first instruction. A workload that was
// never verified gone is a fault of its own.
//
// Not seen: processes that cleared their environment, and those of other users where the observer is not root.
package witness
