package main

const (
	stateUnit    = "./internal/statedir"
	fenceUnit    = "./internal/podworkload -run=Test(Followers|Loss|Idle|Won|Sentinel|Leaving)"
	fencePod     = "./internal/podworkload -run=Test(KillFence|StopWaits|Beside|Another|FirstProcess|OneCgroup)"
	fenceForks   = "./internal/podworkload -run=TestForks"
	recorderUnit = "./internal/agent -run=Test(Recorder|File|Close|Fifo)"
	adoptedUnit  = "./pkg/mongolock -run=^TestAdoptedLeaseIsNotGivenBack$"
	holderUnit   = "./internal/agent -run=Test(Adoption|Nonce|Outcomes|Pair)"
)

// sidecarMutants are of the state directory, the follower's protocol, the fences and the evidence. Those
// with real processes need root, a process namespace and cgroups.
var sidecarMutants = []mutant{
	take("gate-known-by-its-name", "fence: what calls itself as a gate does is the workload all the same",
		edits{{"gates.is", "if p.Comm != gateName { return false }", "if p.Comm != gateName { return false }; if g != nil { return true }"}}, "./internal/podworkload -run=TestGateIsNotKnownByItsName"),
	take("two-gates-kill", "fence: two gates of one pod do not end each other's workload",
		edits{{"Sole", "return nil, ErrTwoKill", "return io.NopCloser(nil), nil"}}, "./internal/podworkload -run=TestOneGateKills"),
	take("state-replaced", "state directory: one that was made anew is no evidence of a follower's end",
		edits{{"Dir.same", "if !os.SameFile(ours, there) {", "if ours == nil && there == nil {"}}, "./internal/statedir -run=TestDirectoryThatWasReplaced"),
	take("state-no-flock", "state directory: one gate at a time",
		edits{{"flock", "err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)", "err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)"}}, stateUnit),
	take("state-writes-unlocked", "state directory: without the flock nobody writes", edits{{"Dir.writeLease", "if !d.Locked() {", "if false {"}}, stateUnit),
	take("state-adopts-unlocked", "state directory: without the flock nobody adopts (P8)", edits{{"Dir.Nonces", "if !d.Locked() {", "if false {"}}, stateUnit),
	take("state-nonce-of-another-boot", "state directory: no adoption after a reboot (P8)", edits{{"Dir.Nonces", "err != nil || n.BootID != d.boot", "err != nil"}}, stateUnit),
	take("state-lease-of-another-boot", "state directory: a lease of another boot is lost", edits{{"Lease.Live", "case l.BootID != bootID:", "case false:"}}, stateUnit),
	take("state-lease-past", "state directory: a lease past its deadline is lost", edits{{"Lease.Live", "case now >= l.Deadline:", "case false:"}}, stateUnit),
	take("state-half-a-file", "state directory: the lease file is replaced in one step",
		edits{{"atomicfile.Write", `os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")`, "os.Create(filepath.Clean(path))"}}, stateUnit),
	take("state-opens-again", "state directory: a lease that was shut stays shut", edits{{"Dir.writeLease", "if l.Token <= d.shut {", "if false {"}}, stateUnit),
	take("follower-no-lock", "evidence: no follower beside the gate's evidence",
		edits{{"Follower.try", "lock, err := flock(f.Dir.path(followerLock))", "lock, err := os.Open(os.DevNull)"}}, stateUnit),
	take("follower-says-nothing", "evidence: a follower that has started is no evidence", edits{{"Follower.try", "err = f.Dir.say(l.Token, true)", "err = nil"}}, stateUnit),
	take("follower-crashed-is-idle", "evidence: a follower that has crashed is no evidence",
		edits{{"Dir.MarkIdle", "if err == nil && !s.Running && s.Token != token {", "if err == nil && s.Token != token || s.Running {"}}, stateUnit),
	take("follower-any-word", "evidence: the follower's word of this very lease", edits{{"Dir.Stopped", "err != nil || s.Running || s.Token != token {", "err != nil || s.Running {"}}, stateUnit),
	take("follower-any-budget", "follower: its kill time fits the lease", edits{{"Follower.try", "if err == nil && f.Budget.KillAfter > l.KillBudget*3/4 {", "if false {"}}, stateUnit),
	take("follower-any-token", "follower: a gate that was opened again is a loss", edits{{"followed.look", "if err == nil && l.Token != s.first.Token {", "if false {"}}, stateUnit),
	take("recorder-starts-first", "lease file: written before the workload starts", edits{{"recorder.Start", "case <-written:", "default: go func() { <-written }()"}}, recorderUnit),
	take("recorder-open-after-the-end", "lease file: shut before the lease is given back", edits{
		{"recorder.Gone", "r.gone", "r.Workload.Gone()"},
		{"newRecorder", "r.loop.Go(r.pass)", ""},
	}, recorderUnit),
	take("recorder-open-after-loss", "lease file: shut at the loss",
		edits{{"recorder.shut", "return r.set(func(l *statedir.Lease) { l.Open = false })", "return r.set(func(l *statedir.Lease) {})"}}, recorderUnit),
	take("adopted-is-given-back", "P8: a lease that was taken up for nobody is not given back beside what runs", edits{{"Locker.giveBack", "if s.adopted {", "if false {"}}, adoptedUnit, sim),
	take("adopted-is-given-up", "P8: the same where the answer never came", edits{{"Locker.giveUp", "if len(a.adopt) > 0 {", "if false {"}}, adoptedUnit),
	take("adopted-is-released", "P8: the same where the gate was told to end as its lease came", edits{{"agent.lease.Finish", "if outcome == gate.Unbegun && s.Adopted() {", "if false {"}}, "./internal/agent -run=^TestUnbegunLeaseOfAnEarlierGateIsLeft$"),
	take("holder-tries-unlocked", "P8: no try without the flock", edits{{"keys.mayTry", "return err == nil", "return true"}}, holderUnit),
	take("holder-forgets-nonces", "P8: the nonce is in the state directory before it is sent",
		edits{{"keys.options", "mongolock.OnNonce(k.keepNonce))", "mongolock.OnNonce(func(string) error { return nil }))"}}, holderUnit),
	take("holder-done-without-bucket", "P9: only a run's key is ever done", edits{{"keys.finish", "if !k.runs {", "if false {"}}, holderUnit),
	take("fence-kills-once", "fence kill: again at each scan while the gate is shut", edits{{"Workload.look", "w.signal(syscall.SIGKILL, p)", ""}}, fencePod),
	take("fence-kills-its-own", "fence kill: never our own container", edits{{"targets.find", "if gone(err) || err == nil && in.in(t.own, t.tell) {", "if gone(err) {"}}, fencePod),
	take("fence-any-first-process", "fence kill: only under a pod's pause",
		edits{{"newTargets", "if !slices.Contains(pauses, init.Comm) {", `if !slices.Contains(pauses, init.Comm) && init.Comm == "" {`}}, fencePod),
	take("fence-one-cgroup", "evidence: containers that cannot be told apart give none", edits{{"newTargets", "if len(tell) == 0 {", "if tell == nil && own == nil {"}}, fencePod),
	take("fence-overlooks-forks", "evidence: no process was started while they were listed",
		edits{{"targets.none", "err != nil || !bytes.Equal(before, after) {", "before == nil && err != nil && bytes.Equal(before, after) {"}}, fenceForks),
	take("fence-believes-a-stop", "evidence: a SIGTERM is none", edits{{"Workload.evidence", "err := w.targets.none()", "err := error(nil)"}}, fencePod),
	take("fence-undoes-the-opening", "fence: nothing of it comes after the gate has opened", edits{{"Workload.change", "if w.phase != from {", "if false {"}}, fenceUnit),
	take("fence-late-sentinel", "sentinel: removed before the gate opens, for good", edits{{"sentinel.writer", "late := s.opens != asOf", "late := s.opens < asOf"}}, fenceUnit),
	take("fence-spares-what-runs-beside", "fence: what runs beside a new gate is stopped at the file's deadline", edits{{"Workload.look", "if now >= stopAt {", "if now < 0*stopAt {"}}, fencePod),
	take("fence-sigterm-is-a-loss", "follower: an ordinary SIGTERM of the sidecar is no loss", edits{{"Workload.followerGone", "if in != open {", "if true {"}}, fenceUnit),
	take("fence-lets-the-word-go", "evidence: the follower's flock is held until the lease is given back", edits{{"Workload.followerGone", "w.word = f", "_ = f.Close()"}}, fenceUnit),
	take("fence-file-open-on-evidence", "evidence: the lease file is shut before the lease is given back",
		edits{{"Workload.followerGone", "if err := w.cfg.Dir.ShutLease(token); err != nil {", "if err := error(nil); err != nil {"}}, fenceUnit),
	take("fence-never-idle", "idle release: a lease that nobody uses is given back", edits{{"Workload.idling", "case w.broken <- ErrIdle: w.idled = true", ""}}, fenceUnit),
	take("sidecar-finds-the-store-first", "fence: what runs beside a new gate is stopped, whatever the store says",
		edits{{"Sidecar", "epochs, err := ses.epochs()", "if err := ses.reach(ctx); err != nil { return err }; epochs, err := ses.epochs()"}}, "./cmd/sidecar -run=TestSidecarFencesWithoutAStore"),
}
