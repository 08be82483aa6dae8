package kube

import (
	"errors"
	"fmt"
)

// The words of the API that matter here.
const (
	never     = "Never"
	onFailure = "OnFailure"
	// unknownStatus is the reason that the kubelet writes for a container of which it knows nothing (kubelet_pods.go).
	unknownStatus = "ContainerStatusUnknown"
	// restarting is the condition of a pod all of whose containers are about to be started anew (KEP-5532).
	restarting = "AllContainersRestarting"
)

// errOtherPod: our pod is gone, and its name may be another's.
var errOtherPod = errors.New("the pod of this name and UID is gone")

// judge says why a pod's own status is no evidence that its workload has
// ended for good; nil where it is. The workload is every main container, and every
// init container or sidecar that has the variable marker.
//
// Each of them has to be reported terminated, and must not be started again: by
// the restart policy that applies to it, never by rules of its own. That the pod is being deleted
// proves nothing. A kubelet that knows of it writes no status until all of the pod has
// ended, the gate as well (Kubelet.SyncTerminatingPod of Kubernetes 1.36); one that is cut off does not know of it,
// and starts the container again that it has last reported as terminated.
func judge(p *apiPod, own Pod, marker string) error {
	if p.Metadata.UID != own.UID || p.Metadata.Name != own.Name {
		return errOtherPod
	}
	if len(p.Spec.Containers) == 0 {
		return errors.New("the pod has no containers")
	}
	for _, c := range p.Status.Conditions {
		if c.Type == restarting && c.Status == "True" {
			return errors.New("all containers of the pod are restarting")
		}
	}
	for _, w := range workload(p, marker) {
		t, err := ended(w.container, w.statuses)
		if err != nil {
			return err
		}
		if !w.staysEnded(t.ExitCode) {
			return fmt.Errorf("container %s may be started again: its restart policy is %s", w.Name, w.policyText())
		}
	}
	return nil
}

// provable says why a pod's status can never be evidence, whatever its workload's exit codes; nil where it can.
func provable(p *apiPod, own Pod, marker string) error {
	if p.Metadata.UID != own.UID {
		return errOtherPod
	}
	for _, w := range workload(p, marker) {
		if w.init && w.RestartPolicy == "" { // it is over before the main containers begin
			continue
		}
		if !w.staysEnded(1) {
			return fmt.Errorf("container %s is started again when it fails: its restart policy is %s", w.Name, w.policyText())
		}
	}
	return nil
}

// part is a container of the workload.
type part struct {
	container
	statuses []containerStatus
	policy   string
	init     bool
}

func workload(p *apiPod, marker string) []part {
	var all []part
	for _, c := range p.Spec.Containers {
		all = append(all, part{container: c, statuses: p.Status.ContainerStatuses, policy: policy(c, p.Spec.RestartPolicy)})
	}
	for _, c := range p.Spec.InitContainers {
		if !c.has(marker) {
			continue
		}
		of := policy(c, p.Spec.RestartPolicy)
		if c.RestartPolicy == "" && of != never {
			of = onFailure // an ordinary init container that has succeeded is not run again
		}
		all = append(all, part{container: c, statuses: p.Status.InitContainerStatuses, policy: of, init: true})
	}
	return all
}

// policy is what applies to a container: its own policy before the pod's.
func policy(c container, pod string) string {
	if c.RestartPolicy != "" {
		return c.RestartPolicy
	}
	return pod
}

// staysEnded is true where the kubelet does not start a container again that has ended with this code.
func (p part) staysEnded(code int) bool {
	switch {
	case len(p.RestartPolicyRules) > 0:
		return false
	case p.policy == never:
		return true
	default:
		return p.policy == onFailure && code == 0
	}
}

func (p part) policyText() string {
	if len(p.RestartPolicyRules) > 0 {
		return p.policy + " with rules"
	}
	return p.policy
}

// ended is how a container ended, by its status.
func ended(c container, statuses []containerStatus) (*terminated, error) {
	var s *containerStatus
	for i := range statuses {
		if statuses[i].Name != c.Name {
			continue
		}
		if s != nil {
			return nil, fmt.Errorf("container %s has two statuses", c.Name)
		}
		s = &statuses[i]
	}
	switch {
	case s == nil:
		return nil, fmt.Errorf("container %s has no status", c.Name)
	case s.State.Running != nil || s.State.Waiting != nil || s.State.Terminated == nil:
		return nil, fmt.Errorf("container %s is not reported terminated", c.Name)
	case s.State.Terminated.Reason == unknownStatus, s.ContainerID == "", s.State.Terminated.FinishedAt.IsZero():
		return nil, fmt.Errorf("container %s is reported terminated by a kubelet that does not know how it ended", c.Name)
	}
	return s.State.Terminated, nil
}
