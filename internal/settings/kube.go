package settings

import (
	"regexp"
	"strings"

	"github.com/mongogate/mongogate/pkg/problem"
)

// checkKube refuses what would do nothing, or less than what is there already.
func (l *loader) checkKube(s *Settings) {
	if s.Command == "run" && s.KubeOwner {
		switch {
		case s.JobName == "":
			l.problem("kube-owner", "this pod belongs to no known Job, so there is nothing to look up", "leave it out, or give --job-name or the pod's labels (--pod-labels)")
		case s.Bucket.None():
			l.problem("kube-owner", "without buckets the Job's name decides nothing", "leave it out")
		}
	}
	if s.Command == "run" && s.Follow {
		const message, remedy = "a follower has no lock of its own to report", "give it to the sidecar that is followed"
		if s.KubeEvents {
			l.problem("kube-events", message, remedy)
		}
		if s.KubeLabel != "" {
			l.problem("kube-label", message, remedy)
		}
	}
	if s.Command == "sidecar" && s.KubeEvidence && s.Followed() {
		l.problem("kube-evidence", "the report of the follower is the evidence already", "leave this out")
	}
}

// What Kubernetes allows as the two parts of a label's key.
const (
	labelName   = `^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$`
	labelPrefix = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
)

// labelKey wants a prefix: labels without one are the user's own, and pods are
// selected by them; a gate that set and removed such a one could orphan its pod.
func labelKey(text string) *problem.Problem {
	const remedy = "give a label such as mongogate.dev/holder"
	prefix, name, ok := strings.Cut(text, "/")
	switch {
	case !ok:
		return wrong("a label without a prefix may be one that pods are selected by", remedy)
	case !regexp.MustCompile(labelName).MatchString(name) || !regexp.MustCompile(labelPrefix).MatchString(prefix) || len(prefix) > 253:
		return wrong("not the key of a label", remedy)
	case reserved(prefix, "kubernetes.io"), reserved(prefix, "k8s.io"):
		return wrong("labels below kubernetes.io and k8s.io belong to Kubernetes itself", remedy)
	}
	return nil
}

func reserved(prefix, domain string) bool {
	return prefix == domain || strings.HasSuffix(prefix, "."+domain)
}
