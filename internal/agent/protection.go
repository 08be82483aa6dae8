//go:build linux

package agent

import (
	"os"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
)

// sayProtections begins the log: what stops the workload on loss, and what that does not cover. It is the registry's, but for what is open here as well.
func (ses *session) sayProtections(openHere func(settings.Protection) string) {
	for _, p := range ses.s.InForce() {
		open := p.Open
		if more := openHere(p); more != "" {
			open += ", " + more
		}
		ses.log.Info("protection in force", "protection", p.Name, "does", p.Does, "notCovered", open,
			"key", ses.s.Lock.Key, "ttl", ses.s.Timing().TTL.String(), "killBudget", ses.s.Budget().Kill.String())
	}
}

// sayRunProtection says what protects a command that is run here. layers are what keeps it from its gate and guard.
func (ses *session) sayRunProtection(layers string) {
	ses.sayProtections(func(settings.Protection) string {
		if ses.s.InPod && os.Getpid() != 1 { // the first process of a container ends that too
			return "what others start beside it (kubectl exec)"
		}
		return ""
	})
	ses.log.Info("isolation in force", "isolation", layers)
}

// saySidecar says what protects the workload of a sidecar. evidence is what can prove its end; empty where nothing can.
func (ses *session) saySidecar(evidence string, twinned bool) {
	ses.sayProtections(func(p settings.Protection) string {
		switch {
		case p.Name == settings.Follow: // the follower acts by itself
			return ""
		case twinned: // what is said of a frozen gate is its twin's to do
			return "gate and twin frozen or killed together"
		}
		return "a gate that is frozen or dead, for it has no twin"
	})
	if evidence == "" {
		telemetry.Warn(ses.log, "no evidence of the workload's end: the lock is never released", "effect", "each hand-over costs ttl + grace", "remedy", "set shareProcessNamespace: true")
		return
	}
	ses.log.Info("evidence of the workload's end", "evidence", evidence)
}
