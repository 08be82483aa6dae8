// Package sim runs the gate and the lock through hostile histories in virtual time.
//
// What is real: the gate (pkg/gate) and the lock (pkg/mongolock). Behind the lock's store seam stands a replica set that makes
// each change in Go, which a test of pkg/mongolock holds equal to the pipelines; a share of the histories, and all with
// -sim.driver, goes through the MongoDB driver, the wire protocol and package fakemongo instead. What is not real: the
// network, the workload and its guard, the state directory, the clocks.
//
// Four machines contend, for one key; for one key and a bucket each, as runs of one job do that must not overlap; for a run
// each minute, which succeeds, fails and is tried again, and is to be done once; or for a key that workers of the Python
// library take as well. A history is drawn from a seed, with a few knobs, so that rare faults are not drowned: primaries that
// are cut off from their majority, go on serving some clients and are rolled back
// while another serves the rest; members whose wall clocks disagree by more than an
// hour; machines cut off for up to 45 s; requests and replies that are lost, up to
// a minute late or, behind the seam, carried out twice; gates that crash and come back beside their running workload
// or behind their guard; gates that are frozen between two steps, while their guard is not; gates that are told to end at any moment of waiting; observers that
// block; ttls that differ; clean ends; operators who revoke, and who take the key at once. Every machine
// measures time with a rate error of up to 0.5 %, and on every loss its
// workload takes the whole kill budget to die.
//
// A witness outside counts the moments in which workloads of two machines run
// (there must be none), wants tokens to grow strictly, no run to begin that is done and no record of one to go, no lease
// to be handed out dead, no holder to be robbed that was answered a moment ago, and in the end, when
// the world has been quiet for a while, wants somebody to hold the lock, or the run that is due to be done.
//
// What is not promised: that one seed is one history. The seed fixes what the
// world does and when; the order of goroutines within an instant, nonces and jitter are
// drawn by the runtime. A failure therefore prints what happened, not the seed alone; make sim SEED=N tries the seed again
// and leaves out what the failure does without. Not in it: two copies of one process's memory, copied state directories, new
// credentials, change streams; tests of their own have those.
package sim
