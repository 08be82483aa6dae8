package main

const ignoredIn = "-timeout=100s ./cmd/sidecar -run=^TestRestartThatIsIgnored$"

// ignoredCase is one of its cases.
func ignoredCase(name string) string { return ignoredIn + "/^" + name + "$" }

// epochMutants are of the protection restart, and how a gate learns that it does nothing.
var epochMutants = []mutant{
	take("epoch-waits-for-its-note", "restart: a lease whose hold cannot be noted in time is left",
		edits{{"lock.opens", "case <-time.After(l.ses.s.Timing().Operation):", "case <-make(chan time.Time):"}}, "./internal/agent -run=^TestHoldWhoseNoteHangsIsLeft$"),
	take("epoch-ignored-unsaid", "restart: that the rule was ignored is said whenever it is found out",
		edits{{"lock.Acquire", "l.ses.tellIgnored(l.epochs)", "_ = l.ses.tellIgnored"}}, "./internal/agent -run=^TestRuleThatIsFoundIgnoredLateIsSaid$"),
	take("epoch-is-not-judged", "restart: a gate that comes back alone does not acquire",
		edits{{"epochs.learn", "if e.refused = h.Tried && !h.Asked; e.refused {", "if false {"}}, ignoredCase("killed")),
	take("epoch-is-not-noted", "restart: the epoch is noted before the gate opens",
		edits{{"epochs.opens", "return e.dir.NoteHold(statedir.Hold{Epoch: e.now})", "return nil"}}, ignoredCase("killed")),
	take("epoch-asked-counts-as-ignored", "restart: who was told to end comes back to its lease",
		edits{{"epochs.learn", "if e.refused = h.Tried && !h.Asked; e.refused {", "if e.refused = true; e.refused {"}}, ignoredCase("asked_to_end")),
	take("epoch-forgets-a-loss", "restart: a loss is remembered, also where its workload was seen to end",
		edits{{"epochs.lost", "e.leaves = e.held", "e.leaves = false"}}, "./internal/agent -run=TestEpochNoteOutlivesALoss"),
	take("epoch-loss-while-asked", "restart: a loss asks for a restart, also of a gate that was told to end",
		edits{{"epochs.lost", "return e.noteAsked(false)", "return nil"}}, ignoredCase("lost_while_asked_to_end")),
	take("epoch-asked-once-for-ever", "restart: each process's own end counts",
		edits{{"epochs.judge", "return e.dir.NoteHold(statedir.Hold{Epoch: e.now})", "return nil"}}, ignoredCase("asked_to_end_and_then_killed_while_waiting")),
	take("epoch-adopts-for-ever", "restart: a gate that learns late that it has to ask ends, and does not adopt its lease forever beside what it would not stop",
		edits{{"lock.Acquire", "if errors.Is(err, errUnasked) {", "if false {"}}, "./internal/agent -run=^TestEpochIsJudgedLate$"),
	take("epoch-refusal-exits", "restart: a gate that refuses does not end, again and again", edits{{"session.protect", `&& e.Refused() == nil`, ""}}, ignoredCase("killed")),
	take("epoch-forgets-nothing", "restart: with evidence that nothing is left the next gate begins anew", edits{
		{"epochs.ended", "return e.dir.ForgetHold()", "return nil"},
		{"epochs.asked", "e.noteAsked(true)", "nil"},
	}, "-timeout=100s ./internal/podworkload -run=^TestSidecar$"),
	take("scan-swallows-errors", "evidence: a list of processes that is not whole proves nothing",
		edits{{"Scan", "lost, why = lost+1, err", "_ = lost"}}, "./internal/proctree -run=TestScanThatIsNotWhole", "./internal/podworkload -run=TestNoFilesNoEvidence"),
	take("unread-is-gone", "evidence: who cannot look does not know that a process has ended",
		edits{{"Process.check", "default: return err", "case err == nil: return nil; default: return ErrGone"}}, "./internal/proctree -run=TestScanThatIsNotWhole"),
	take("partial-scan-kills-nobody", "stopping: what is seen is killed although something is not",
		edits{{"kill", "for _, p := range found {", "if err != nil { return 0, err }; for _, p := range found {"}}, "./internal/proctree -run=TestWhatIsSeenIsSignalled"),
	take("fence-beside-without-leaving", "fence: what runs beside a new gate without a lease is a loss, and the protection is done",
		edits{{"Workload.stopBeside", "if w.cfg.LeaveAtOnce && !w.cfg.Kill { w.cfg.Leave(); return }", ""}}, ignoredCase("asked_to_end_and_back_too_late")),
}
