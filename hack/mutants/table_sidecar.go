package main

const (
	followGo   = "internal/statedir/follow.go"
	dirGo      = "internal/statedir/dir.go"
	fileGo     = "internal/statedir/lease.go"
	nonceGo    = "internal/statedir/nonce.go"
	stoppedGo  = "internal/statedir/stopped.go"
	scanGo     = "internal/podworkload/scan.go"
	fenceGo    = "internal/podworkload/workload.go"
	targetsGo  = "internal/podworkload/targets.go"
	gatesGo    = "internal/podworkload/gates.go"
	sentinelGo = "internal/podworkload/sentinel.go"
	recorderGo = "internal/holder/recorder.go"
	holderGo   = "internal/holder/lock.go"

	stateUnit    = "./internal/statedir"
	fenceUnit    = "./internal/podworkload -run=Test(Followers|Loss|Idle|Won|Sentinel|Leaving)"
	fencePod     = "./internal/podworkload -run=Test(KillFence|StopWaits|Beside|Another|FirstProcess|OneCgroup)"
	fenceForks   = "./internal/podworkload -run=TestForks"
	recorderUnit = "./internal/holder -run=Test(Recorder|File|Close|Fifo)"
	holderUnit   = "./internal/holder -run=Test(Adoption|Nonce|Outcomes|Pair)"
)

// sidecarMutants are of the state directory, the follower's protocol, the fences and the evidence. Those
// with real processes need root, a process namespace and cgroups.
func sidecarMutants() []mutant {
	return []mutant{
		{
			name: "gate-known-by-its-name", protects: "fence: what calls itself as a gate does is the workload all the same",
			edits: []edit{{gatesGo, "if p.Comm != gateName {\n\t\treturn false\n\t}", "if p.Comm != gateName {\n\t\treturn false\n\t}\n\tif g != nil {\n\t\treturn true\n\t}"}},
			tests: []string{"./internal/podworkload -run=TestGateIsNotKnownByItsName"},
		},
		{
			name: "two-gates-kill", protects: "fence: two gates of one pod do not end each other's workload",
			edits: []edit{{gatesGo, "return nil, ErrTwoKill", "return io.NopCloser(nil), nil"}},
			tests: []string{"./internal/podworkload -run=TestOneGateKills"},
		},
		{
			name: "state-replaced", protects: "state directory: one that was made anew is no evidence of a follower's end",
			edits: []edit{{dirGo, "if !os.SameFile(ours, there) {", "if ours == nil && there == nil {"}},
			tests: []string{"./internal/statedir -run=TestDirectoryThatWasReplaced"},
		},
		{
			name: "state-no-flock", protects: "state directory: one gate at a time",
			edits: []edit{{dirGo, "err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)", "err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-writes-unlocked", protects: "state directory: without the flock nobody writes",
			edits: []edit{{fileGo, "if !d.Locked() {", "if false {"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-adopts-unlocked", protects: "state directory: without the flock nobody adopts (P8)",
			edits: []edit{{nonceGo, "if !d.Locked() {\n\t\treturn nil, nil", "if false {\n\t\treturn nil, nil"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-nonce-of-another-boot", protects: "state directory: no adoption after a reboot (P8)",
			edits: []edit{{nonceGo, "err != nil || n.BootID != d.boot", "err != nil"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-lease-of-another-boot", protects: "state directory: a lease of another boot is lost",
			edits: []edit{{fileGo, "case l.BootID != bootID:", "case false:"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-lease-past", protects: "state directory: a lease past its deadline is lost",
			edits: []edit{{fileGo, "case now >= l.Deadline:", "case false:"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-half-a-file", protects: "state directory: the lease file is replaced in one step",
			edits: []edit{{fileGo, "f, err := os.CreateTemp(dir, \".\"+name+\"-*\")", "f, err := os.Create(filepath.Join(dir, name))"}},
			tests: []string{stateUnit},
		},
		{
			name: "state-opens-again", protects: "state directory: a lease that was shut stays shut",
			edits: []edit{{fileGo, "if l.Token <= d.shut {", "if false {"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-no-lock", protects: "evidence: no follower beside the gate's evidence",
			edits: []edit{{followGo, "lock, err := flock(f.Dir.path(followerLock))", "lock, err := os.Open(os.DevNull)"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-says-nothing", protects: "evidence: a follower that has started is no evidence",
			edits: []edit{{followGo, "err = f.Dir.say(l.Token, true)", "err = nil"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-crashed-is-idle", protects: "evidence: a follower that has crashed is no evidence",
			edits: []edit{{stoppedGo, "if err == nil && !s.Running && s.Token != token {", "if err == nil && s.Token != token || s.Running {"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-any-word", protects: "evidence: the follower's word of this very lease",
			edits: []edit{{stoppedGo, "err != nil || s.Running || s.Token != token {", "err != nil || s.Running {"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-any-budget", protects: "follower: its kill time fits the lease",
			edits: []edit{{followGo, "if err == nil && f.Budget.KillAfter > l.KillBudget*3/4 {", "if false {"}},
			tests: []string{stateUnit},
		},
		{
			name: "follower-any-token", protects: "follower: a gate that was opened again is a loss",
			edits: []edit{{followGo, "if err == nil && l.Token != s.first.Token {", "if false {"}},
			tests: []string{stateUnit},
		},
		{
			name: "recorder-starts-first", protects: "lease file: written before the workload starts",
			edits: []edit{{recorderGo, "	case <-written:\n", "	default:\n		go func() { <-written }()\n"}},
			tests: []string{recorderUnit},
		},
		{
			name: "recorder-open-after-the-end", protects: "lease file: shut before the lease is given back",
			edits: []edit{{recorderGo, "func (r *Recorder) Gone() <-chan gate.Ended { return r.gone }", "func (r *Recorder) Gone() <-chan gate.Ended { return r.Workload.Gone() }"}, {recorderGo, "\tr.loop.Go(r.pass)\n", ""}},
			tests: []string{recorderUnit},
		},
		{
			name: "recorder-open-after-loss", protects: "lease file: shut at the loss",
			edits: []edit{{recorderGo, "return r.set(func(l *statedir.Lease) { l.Open = false })", "return r.set(func(l *statedir.Lease) {})"}},
			tests: []string{recorderUnit},
		},
		{
			name: "holder-tries-unlocked", protects: "P8: no try without the flock",
			edits: []edit{{holderGo, "\tl.tell(err)\n\treturn err == nil\n", "\tl.tell(err)\n\treturn true\n"}},
			tests: []string{holderUnit},
		},
		{
			name: "holder-forgets-nonces", protects: "P8: the nonce is in the state directory before it is sent",
			edits: []edit{{holderGo, "mongolock.OnNonce(l.keep))", "mongolock.OnNonce(func(string) error { return nil }))"}},
			tests: []string{holderUnit},
		},
		{
			name: "holder-done-without-bucket", protects: "P9: only a run's key is ever done",
			edits: []edit{{holderGo, "if !s.lock.Runs {", "if false {"}},
			tests: []string{holderUnit},
		},
		{
			name: "fence-kills-once", protects: "fence kill: again at each scan while the gate is shut",
			edits: []edit{{scanGo, "w.signal(syscall.SIGKILL, p)", ""}},
			tests: []string{fencePod},
		},
		{
			name: "fence-kills-its-own", protects: "fence kill: never our own container",
			edits: []edit{{targetsGo, "if gone(err) || err == nil && in.in(t.own, t.tell) {", "if gone(err) {"}},
			tests: []string{fencePod},
		},
		{
			name: "fence-any-first-process", protects: "fence kill: only under a pod's pause",
			edits: []edit{{targetsGo, "if !slices.Contains(pauses, init.Comm) {", "if !slices.Contains(pauses, init.Comm) && init.Comm == \"\" {"}},
			tests: []string{fencePod},
		},
		{
			name: "fence-one-cgroup", protects: "evidence: containers that cannot be told apart give none",
			edits: []edit{{targetsGo, "if len(tell) == 0 {", "if tell == nil && own == nil {"}},
			tests: []string{fencePod},
		},
		{
			name: "fence-overlooks-forks", protects: "evidence: no process was started while they were listed",
			edits: []edit{{targetsGo, "err != nil || !bytes.Equal(before, after) {", "before == nil && err != nil && bytes.Equal(before, after) {"}},
			tests: []string{fenceForks},
		},
		{
			name: "fence-believes-a-stop", protects: "evidence: a SIGTERM is none",
			edits: []edit{{scanGo, "		err := w.targets.none()\n", "		err := error(nil)\n"}},
			tests: []string{fencePod},
		},
		{
			name: "fence-undoes-the-opening", protects: "fence: nothing of it comes after the gate has opened",
			edits: []edit{{scanGo, "	if w.phase != from {\n", "	if false {\n"}},
			tests: []string{fenceUnit},
		},
		{
			name: "fence-late-sentinel", protects: "sentinel: removed before the gate opens, for good",
			edits: []edit{{sentinelGo, "late := s.opens != asOf", "late := s.opens < asOf"}},
			tests: []string{fenceUnit},
		},
		{
			name: "fence-spares-what-runs-beside", protects: "fence: what runs beside a new gate is stopped at the file's deadline",
			edits: []edit{{scanGo, "if now >= fenceAt {", "if now < 0*fenceAt {"}},
			tests: []string{fencePod},
		},
		{
			name: "fence-sigterm-is-a-loss", protects: "follower: an ordinary SIGTERM of the sidecar is no loss",
			edits: []edit{{scanGo, "if in != open {", "if true {"}},
			tests: []string{fenceUnit},
		},
		{
			name: "fence-lets-the-word-go", protects: "evidence: the follower's flock is held until the lease is given back",
			edits: []edit{{scanGo, "		w.word = f\n", "		_ = f.Close()\n"}},
			tests: []string{fenceUnit},
		},
		{
			name: "fence-file-open-on-evidence", protects: "evidence: the lease file is shut before the lease is given back",
			edits: []edit{{scanGo, "if err := w.cfg.Dir.ShutLease(token); err != nil {", "if err := error(nil); err != nil {"}},
			tests: []string{fenceUnit},
		},
		{
			name: "fence-never-idle", protects: "idle release: a lease that nobody uses is given back",
			edits: []edit{{scanGo, "	case w.broken <- ErrIdle:\n		w.idled = true\n", ""}},
			tests: []string{fenceUnit},
		},
		{
			name: "sidecar-finds-the-store-first", protects: "fence: what runs beside a new gate is stopped, whatever the store says",
			edits: []edit{{"internal/agent/sidecar.go", "	epochs, err := ses.epochs()\n", "	if err := ses.reach(ctx); err != nil {\n		return err\n	}\n	epochs, err := ses.epochs()\n"}},
			tests: []string{"./cmd/sidecar -run=TestSidecarFencesWithoutAStore"},
		},
	}
}
