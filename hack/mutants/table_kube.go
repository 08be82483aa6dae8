package main

const (
	judgeUnit   = "./internal/kube -run=TestWhatAPodsStatusProves"
	statusUnit  = "./internal/kube -run=TestStatus"
	labelUnit   = "./internal/kube -run=Test(Label|AnotherPods|ALate|Settled|NotFound)"
	eventsUnit  = "./internal/kube -run=Test(Events|TheQueue|ARepeated|AMissing|AnEvent|TheEnd)"
	clientUnit  = "./internal/kube -run=Test(TheTokenGoes|EachCall)"
	fenceStatus = "./internal/podworkload -run=Test(Status|FollowersWordBefore|ProcessesBefore)"
	noticeUnit  = "./internal/telemetry -run=Test(Waiting|Loss|Unreachable|NoError)"
)

// kubeMutants are of what a gate asks of the Kubernetes API: evidence above all, and that nothing waits for the rest.
var kubeMutants = []mutant{
	take("status-restarts", "evidence: what is started again has not gone",
		edits{{"kube.judge", "if !w.staysEnded(t.ExitCode) {", "if !w.staysEnded(t.ExitCode) && false {"}}, judgeUnit, statusUnit, "./cmd/sidecar -run=TestKubeNoEvidence"),
	take("status-rules-forgotten", "evidence: restart rules of a container's own", edits{{"part.staysEnded", "case len(p.RestartPolicyRules) > 0:", "case false:"}}, judgeUnit),
	take("status-other-pod", "evidence: the status of the own pod, by its UID",
		edits{{"kube.judge", "if p.Metadata.UID != own.UID || p.Metadata.Name != own.Name {", "if p.Metadata.Name != own.Name {"}}, judgeUnit, statusUnit, "./cmd/sidecar -run=TestKubeNoEvidence"),
	take("status-running", "evidence: what is reported as running runs",
		edits{{"ended", "case s.State.Running != nil || s.State.Waiting != nil || s.State.Terminated == nil:", "case s.State.Terminated == nil:"}}, judgeUnit),
	take("status-unknown", "evidence: a kubelet that has lost track proves nothing",
		edits{{"ended", "case s.State.Terminated.Reason == unknownStatus, s.ContainerID", "case s.ContainerID"}}, judgeUnit),
	take("status-restarting", "evidence: none while all containers are started anew",
		edits{{"kube.judge", `if c.Type == restarting && c.Status == "True" {`, "if c.Type == restarting && false {"}}, judgeUnit),
	take("status-markers-forgotten", "evidence: a marked sidecar is the workload", edits{{"kube.workload", "if !c.has(marker) {", "if true {"}}, judgeUnit),
	take("status-before-follower", "evidence: a follower's word counts, and not what is said of its pod",
		edits{{"Workload.evidence", "if !w.followerGone(in) {", "if !w.followerGone(in) && (w.cfg.Status == nil || !w.cfg.Status.Ended()) {"}}, fenceStatus),
	take("status-waits-for-ever", "after a loss: no waiting for evidence that cannot come",
		edits{{"Workload.hopeless", "(w.cfg.Status == nil || !w.cfg.Status.Final())", "w.cfg.Status == nil"}}, fenceStatus),
	take("label-other-pod", "label: never on a pod of another UID", edits{{"Label.patch", `object{"uid": pod.UID, "labels"`, `object{"labels"`}}, labelUnit),
	take("label-not-cleared", "label: not there before the lock is held",
		edits{{"Label.look", "return l.wanted, l.known && l.have == l.wanted,", "return l.wanted, l.have == l.wanted,"}}, labelUnit),
	take("label-settled-early", "label: not taken to be off while a call that sets it is on its way", edits{{"Label.run", "l.learn(false, false)", ""}}, labelUnit),
	take("label-late", "label: what is carried out late is undone", edits{{"Label.run", "overtaken = time.Now().Add(l.again)", "_ = l.again"}}, labelUnit),
	take("label-kept-on-loss", "label: gone on loss, before the workload has ended", edits{{"workload.Warn", "w.labelled(false)", ""}}, "./cmd/sidecar -run=TestKubeLoss"),
	take("label-after-release", "label: gone before the lock is given back", edits{{"kubeFeatures.unlabel", "k.label.Settled(settled)", "_ = settled"}}, "./cmd/sidecar -run=TestKubeLabelAndEvents"),
	take("events-unbounded", "Events: the queue is bounded", edits{{"Events.Write", "for len(e.queue) > queued {", "for false {"}}, eventsUnit),
	take("events-twice", "Events: a repeated call writes none twice", edits{{"Events.run", `err == nil || answered(err, "AlreadyExists")`, "err == nil"}}, eventsUnit),
	take("events-wait-at-the-end", "Events: the end of a gate does not wait for the API", edits{{"worker.end", "case <-time.After(within):", "case <-time.After(within * 3):"}}, eventsUnit),
	take("kube-no-deadline", "the Kubernetes API: each call has a deadline", edits{{"kube.call", "context.WithTimeout(ctx, callTimeout)", "context.WithTimeout(ctx, 4*callTimeout)"}}, clientUnit),
	take("label-forgets-the-gate-before", "label: a late call of a gate that was killed is undone",
		edits{{"Label.run", "overtaken := time.Now().Add(l.again)", "var overtaken time.Time"}}, "./internal/kube -run=TestALateLabelOfTheGateBefore"),
	take("kube-lost-connection", "the Kubernetes API: a connection that carries nothing fails one call, not the next",
		edits{{"kube.connect", `config.NextProtos = []string{"http/1.1"}`, ""}}, "./internal/kube -run=TestALostConnectionIsUsedOnce"),
	take("kube-token-redirected", "the Kubernetes API: the token goes nowhere else",
		edits{{"kube.connect", "return http.ErrUseLastResponse", "return nil"}}, clientUnit),
	take("kube-endless-answer", "the Kubernetes API: an answer is bounded",
		edits{{"bounds.RoundTrip", "http.MaxBytesReader(nil, res.Body, maxAnswer)", "http.MaxBytesReader(nil, res.Body, 1<<40)"}}, "./internal/kube -run=TestAnAnswerIsBounded"),
	take("kube-waits-in-vain", "the Kubernetes API: a call does not sleep until its deadline, and forget what was answered",
		edits{{"bounds.RoundTrip", "after < time.Until(deadline)", "after < time.Until(deadline)+time.Hour"}}, "./internal/kube -run=TestRetryAfterBeyondACall"),
	take("kube-comes-too-early", "the Kubernetes API: it is left alone for as long as it asks",
		edits{{"kube.after", "return refused.after", "return 0"}}, "./internal/kube -run=TestRetryAfterBetweenCalls"),
	take("kube-own-format", "the Kubernetes API: nothing is written beside the gate's own log",
		edits{{"kube.connect", "silence()", ""}}, "./internal/kube -run=TestClientGoIsSilent"),
	take("notices-loud", "Events: waiting is news once for each holder", edits{{"Notices.wait", "if n.waiting[e.Key] == who {", "if false {"}}, noticeUnit),
	take("notices-tell-errors", "Events: no error of the store", edits{{"Notices.Shut", "text = why(reason)", "_ = why(reason)"}}, noticeUnit),
}
