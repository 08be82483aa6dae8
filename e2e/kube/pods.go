//go:build linux

package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Pod is a pod as it was last seen.
type Pod struct {
	*corev1.Pod

	s *Space
}

// Pods are those with the labels, "app=w,tier=x", now; all of them if there are none.
func (s *Space) Pods(selector string) []*Pod {
	s.t.Helper()
	pods, err := s.pods(s.t.Context(), selector)
	if err != nil {
		s.t.Fatalf("%s: %v", s, err)
	}
	return pods
}

func (s *Space) pods(ctx context.Context, selector string) ([]*Pod, error) {
	which, err := labels.Parse(selector)
	if err != nil {
		return nil, err
	}
	var list corev1.PodList
	if err := s.List(ctx, &list, client.InNamespace(s.Namespace), client.MatchingLabelsSelector{Selector: which}); err != nil {
		return nil, err
	}
	var pods []*Pod
	for i := range list.Items {
		pods = append(pods, &Pod{&list.Items[i], s})
	}
	return pods, nil
}

// Pod waits until there is exactly one with the labels that is neither on its
// way out nor one of those given: the successor of those.
func (s *Space) Pod(selector string, but ...*Pod) *Pod {
	s.t.Helper()
	var found *Pod
	// Controllers that have lost the API server look for it again after half a minute.
	s.Eventually("one pod with "+selector, 2*time.Minute, func(ctx context.Context) (bool, string) {
		pods, err := s.pods(ctx, selector)
		if err != nil {
			return false, err.Error()
		}
		pods = slices.DeleteFunc(pods, func(p *Pod) bool {
			return p.DeletionTimestamp != nil || slices.ContainsFunc(but, func(b *Pod) bool { return b.UID == p.UID })
		})
		if len(pods) == 1 {
			found = pods[0]
		}
		return len(pods) == 1, describe(pods)
	})
	return found
}

// Wait looks at the pod until it is as wanted. One that was deleted, or
// replaced by another of its name, never is.
func (p *Pod) Wait(want string, within time.Duration, as func(*corev1.Pod) bool) {
	p.s.t.Helper()
	p.s.Eventually("pod "+p.Name+" "+want, within, func(ctx context.Context) (bool, string) {
		if err := p.refresh(ctx); err != nil {
			return false, err.Error()
		}
		return as(p.Pod), describe([]*Pod{p})
	})
}

// WaitReady waits until the pod is Ready.
func (p *Pod) WaitReady(within time.Duration) {
	p.s.t.Helper()
	p.Wait("is ready", within, IsReady)
}

// WaitGone waits until the API no longer has it. Whether its processes are
// gone only the witness knows.
func (p *Pod) WaitGone(within time.Duration) {
	p.s.t.Helper()
	p.s.Eventually("pod "+p.Name+" is gone", within, func(ctx context.Context) (bool, string) {
		err := p.refresh(ctx)
		return apierrors.IsNotFound(err), describe([]*Pod{p})
	})
}

func (p *Pod) refresh(ctx context.Context) error {
	var now corev1.Pod
	if err := p.s.Get(ctx, client.ObjectKeyFromObject(p.Pod), &now); err != nil {
		return err
	}
	if now.UID != p.UID {
		return apierrors.NewNotFound(corev1.Resource("pods"), p.Name+" with UID "+string(p.UID))
	}
	p.Pod = &now
	return nil
}

// Delete deletes the pod as kubectl does, and waits for nothing.
func (p *Pod) Delete() {
	p.s.t.Helper()
	p.delete(client.Preconditions{UID: &p.UID})
}

// ForceDelete takes it out of the API at once; its processes go later, or never.
func (p *Pod) ForceDelete() {
	p.s.t.Helper()
	p.delete(client.Preconditions{UID: &p.UID}, client.GracePeriodSeconds(0))
}

func (p *Pod) delete(how ...client.DeleteOption) {
	p.s.t.Helper()
	p.s.must(p.s.Delete(p.s.t.Context(), p.Pod, how...), "delete pod %s", p.Name)
}

// SetImage changes the image of a container of the running pod, as kubectl set
// image does: the kubelet replaces that container alone.
func (p *Pod) SetImage(container, image string) {
	p.s.t.Helper()
	kind := "containers"
	if slices.ContainsFunc(p.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == container }) {
		kind = "initContainers"
	}
	patch := fmt.Appendf(nil, `{"spec":{%q:[{"name":%q,"image":%q}]}}`, kind, container, image)
	p.s.must(p.s.Patch(p.s.t.Context(), p.Pod, client.RawPatch(types.StrategicMergePatchType, patch)), "image of %s/%s", p.Name, container)
}

// IsReady says what the condition Ready says.
func IsReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Container is the status of a container, an init container or sidecar too;
// one without a name if there is none yet.
func Container(p *corev1.Pod, name string) corev1.ContainerStatus {
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if c.Name == name {
			return c
		}
	}
	return corev1.ContainerStatus{}
}

// describe is one line of pods, as kubectl get would say it.
func describe(pods []*Pod) string {
	if len(pods) == 0 {
		return "no pods"
	}
	var lines []string
	for _, p := range pods {
		line := fmt.Sprintf("%s %s", p.Name, p.Status.Phase)
		if p.DeletionTimestamp != nil {
			line += " deleted " + p.DeletionTimestamp.UTC().Format(time.TimeOnly)
		}
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			line += fmt.Sprintf("; %s %s", c.Name, state(c))
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, " | ")
}

func state(c corev1.ContainerStatus) string {
	text := "unknown"
	switch {
	case c.State.Waiting != nil:
		text = "waiting: " + c.State.Waiting.Reason + " " + c.State.Waiting.Message
	case c.State.Running != nil && c.Ready:
		text = "ready"
	case c.State.Running != nil:
		text = "running"
	case c.State.Terminated != nil:
		text = fmt.Sprintf("ended: %d %s", c.State.Terminated.ExitCode, c.State.Terminated.Reason)
	}
	if c.RestartCount > 0 {
		text += fmt.Sprintf(", restarted %d times", c.RestartCount)
	}
	return text
}
