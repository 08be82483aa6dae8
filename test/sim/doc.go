// Package sim runs the whole stack through hostile histories in virtual time.
//
// What is real: the gate (pkg/gate), the lock (pkg/mongolock), the MongoDB
// driver with its connections, pools and monitors, the wire protocol. What is
// not: the server (package fakemongo), the network, the workload, the clocks.
//
// One key, four machines; in every fourth history each holds a key of its own
// besides, as runs of one job do that must not overlap. A history is drawn from a seed: primaries that are
// cut off from their majority, go on serving some clients and are rolled back
// while another serves the rest; members whose wall clocks disagree by more than an
// hour; machines cut off for up to 45 s; requests and replies that are lost or up to
// a minute late; gates that crash and come back beside their running workload
// or behind their guard; clean ends; operators who revoke. Every machine
// measures time with a rate error of up to 0.5 %, and on every loss its
// workload takes the whole kill budget to die.
//
// A witness outside counts the moments in which workloads of two machines run
// (there must be none), wants tokens to grow strictly, and in the end, when
// the world has been quiet for a while, wants somebody to hold the lock.
//
// What is not promised: that one seed is one history. The seed fixes what the
// world does and when; the order of goroutines within an instant, nonces and jitter are
// drawn by the runtime. A failure therefore prints what happened, not the seed alone.
package sim
