package main

const (
	judgeGo   = "internal/kube/judge.go"
	statusGo  = "internal/kube/status.go"
	labelGo   = "internal/kube/label.go"
	eventsGo  = "internal/kube/events.go"
	kubeGo    = "internal/kube/client.go"
	kubeCmdGo = "internal/agent/announce.go"
	noticesGo = "internal/telemetry/notices.go"

	judgeUnit   = "./internal/kube -run=TestWhatAPodsStatusProves"
	statusUnit  = "./internal/kube -run=TestStatus"
	labelUnit   = "./internal/kube -run=Test(Label|AnotherPods|ALate|Settled|NotFound)"
	eventsUnit  = "./internal/kube -run=Test(Events|TheQueue|ARepeated|AMissing|AnEvent|TheEnd)"
	clientUnit  = "./internal/kube -run=Test(Rotation|TheToken|EachCall)"
	fenceStatus = "./internal/podworkload -run=Test(Status|FollowersWordBefore|ProcessesBefore)"
	noticeUnit  = "./internal/telemetry -run=Test(Waiting|Loss|Unreachable|NoError)"
)

// kubeMutants are of what a gate asks of the Kubernetes API: evidence above all, and that nothing waits for the rest.
func kubeMutants() []mutant {
	return []mutant{
		{
			name: "status-restarts", protects: "evidence: what is started again has not gone",
			edits: []edit{{judgeGo, "if !w.staysEnded(t.ExitCode) {", "if !w.staysEnded(t.ExitCode) && false {"}},
			tests: []string{judgeUnit, statusUnit, "./cmd/sidecar -run=TestKubeNoEvidence"},
		},
		{
			name: "status-rules-forgotten", protects: "evidence: restart rules of a container's own",
			edits: []edit{{judgeGo, "case len(p.RestartPolicyRules) > 0:\n\t\treturn false", "case false:\n\t\treturn false"}},
			tests: []string{judgeUnit},
		},
		{
			name: "status-other-pod", protects: "evidence: the status of the own pod, by its UID",
			edits: []edit{{judgeGo, "if p.Metadata.UID != own.UID || p.Metadata.Name != own.Name {", "if p.Metadata.Name != own.Name {"}},
			tests: []string{judgeUnit, statusUnit, "./cmd/sidecar -run=TestKubeNoEvidence"},
		},
		{
			name: "status-running", protects: "evidence: what is reported as running runs",
			edits: []edit{{judgeGo, "case s.State.Running != nil || s.State.Waiting != nil || s.State.Terminated == nil:", "case s.State.Terminated == nil:"}},
			tests: []string{judgeUnit},
		},
		{
			name: "status-unknown", protects: "evidence: a kubelet that has lost track proves nothing",
			edits: []edit{{judgeGo, "case s.State.Terminated.Reason == unknownStatus, s.ContainerID", "case s.ContainerID"}},
			tests: []string{judgeUnit},
		},
		{
			name: "status-restarting", protects: "evidence: none while all containers are started anew",
			edits: []edit{{judgeGo, `if c.Type == restarting && c.Status == "True" {`, "if c.Type == restarting && false {"}},
			tests: []string{judgeUnit},
		},
		{
			name: "status-markers-forgotten", protects: "evidence: a marked sidecar is the workload",
			edits: []edit{{judgeGo, "if !c.has(marker) {", "if true {"}},
			tests: []string{judgeUnit},
		},
		{
			name: "status-before-follower", protects: "evidence: a follower's word counts, and not what is said of its pod",
			edits: []edit{{scanGo, "if !w.followerGone(in) {", "if !w.followerGone(in) && (w.cfg.Status == nil || !w.cfg.Status.Ended()) {"}},
			tests: []string{fenceStatus},
		},
		{
			name: "status-waits-for-ever", protects: "after a loss: no waiting for evidence that cannot come",
			edits: []edit{{fenceGo, "(w.cfg.Status == nil || !w.cfg.Status.Final())", "w.cfg.Status == nil"}},
			tests: []string{fenceStatus},
		},
		{
			name: "label-other-pod", protects: "label: never on a pod of another UID",
			edits: []edit{{labelGo, `object{"uid": pod.UID, "labels"`, `object{"labels"`}},
			tests: []string{labelUnit},
		},
		{
			name: "label-not-cleared", protects: "label: not there before the lock is held",
			edits: []edit{{labelGo, "return l.wanted, l.known && l.have == l.wanted,", "return l.wanted, l.have == l.wanted,"}},
			tests: []string{labelUnit},
		},
		{
			name: "label-settled-early", protects: "label: not taken to be off while a call that sets it is on its way",
			edits: []edit{{labelGo, "l.learn(false, false) // until", "// until"}},
			tests: []string{labelUnit},
		},
		{
			name: "label-late", protects: "label: what is carried out late is undone",
			edits: []edit{{labelGo, "overtaken = time.Now().Add(l.again)", "_ = l.again"}},
			tests: []string{labelUnit},
		},
		{
			name: "label-kept-on-loss", protects: "label: gone on loss, before the workload has ended",
			edits: []edit{{"internal/agent/workload.go", "\tw.labelled(false)\n", ""}},
			tests: []string{"./cmd/sidecar -run=TestKubeLoss"},
		},
		{
			name: "label-after-release", protects: "label: gone before the lock is given back",
			edits: []edit{{kubeCmdGo, "k.label.Settled(settled)", "_ = settled"}},
			tests: []string{"./cmd/sidecar -run=TestKubeLabelAndEvents"},
		},
		{
			name: "events-unbounded", protects: "Events: the queue is bounded",
			edits: []edit{{eventsGo, "for len(e.queue) > queued {", "for false {"}},
			tests: []string{eventsUnit},
		},
		{
			name: "events-twice", protects: "Events: a repeated call writes none twice",
			edits: []edit{{eventsGo, `err == nil || answered(err, "AlreadyExists")`, "err == nil"}},
			tests: []string{eventsUnit},
		},
		{
			name: "events-wait-at-the-end", protects: "Events: the end of a gate does not wait for the API",
			edits: []edit{{"internal/kube/owner.go", "case <-time.After(within):", "case <-time.After(within * 3):"}},
			tests: []string{eventsUnit},
		},
		{
			name: "kube-no-deadline", protects: "the Kubernetes API: each call has a deadline",
			edits: []edit{{kubeGo, "context.WithTimeout(ctx, callTimeout)", "context.WithTimeout(ctx, 4*callTimeout)"}},
			tests: []string{clientUnit},
		},
		{
			name: "label-forgets-the-gate-before", protects: "label: a late call of a gate that was killed is undone",
			edits: []edit{{labelGo, "overtaken := time.Now().Add(l.again)", "var overtaken time.Time"}},
			tests: []string{"./internal/kube -run=TestALateLabelOfTheGateBefore"},
		},
		{
			name: "kube-connects-for-ever", protects: "the Kubernetes API: connections that were begun while it was away do not stay",
			edits: []edit{{kubeGo, "TLSHandshakeTimeout: callTimeout,", "MaxConnsPerHost: 4,"}},
			tests: []string{"./internal/kube -run=TestConnectionsThatBeganWhileTheServerWasAway"},
		},
		{
			name: "kube-token-redirected", protects: "the Kubernetes API: the token goes nowhere else",
			edits: []edit{{kubeGo, "CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },", "CheckRedirect: nil,"}},
			tests: []string{clientUnit},
		},
		{
			name: "notices-loud", protects: "Events: waiting is news once for each holder",
			edits: []edit{{noticesGo, "if n.waiting[e.Key] == who {", "if false {"}},
			tests: []string{noticeUnit},
		},
		{
			name: "notices-tell-errors", protects: "Events: no error of the store",
			edits: []edit{{noticesGo, "\t\ttext = why(reason)\n", "\t\t_ = why(reason)\n"}},
			tests: []string{noticeUnit},
		},
	}
}
