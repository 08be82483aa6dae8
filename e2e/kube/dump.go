//go:build linux

package kube

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// dump writes all that could say why a scenario failed to the test's output.
// Secrets are not among it.
func (s *Space) dump(ctx context.Context) {
	var b strings.Builder
	fmt.Fprintf(&b, "==== %s\nrequests through its proxy: %v\n", s, s.DB.Count())
	s.dumpEvents(ctx, &b)
	pods, err := s.pods(ctx, "")
	if err != nil {
		fmt.Fprintf(&b, "pods: %v\n", err)
	}
	fmt.Fprintf(&b, "---- pods: %s\n", describe(pods))
	for _, p := range pods {
		p.ManagedFields = nil
		text, _ := yaml.Marshal(p.Pod)
		fmt.Fprintf(&b, "---- pod %s\n%s", p.Name, text)
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			p.dumpLog(ctx, &b, c.Name, false)
			if c.RestartCount > 0 {
				p.dumpLog(ctx, &b, c.Name, true)
			}
		}
	}
	s.t.Log(b.String())
}

func (p *Pod) dumpLog(ctx context.Context, b *strings.Builder, container string, previous bool) {
	name := "log"
	if previous {
		name = "log before the restart"
	}
	log, err := p.logs(ctx, container, previous)
	if err != nil {
		log = err.Error()
	}
	fmt.Fprintf(b, "---- %s of %s/%s\n%s\n", name, p.Name, container, tail(log, 200))
}

func (s *Space) dumpEvents(ctx context.Context, b *strings.Builder) {
	var events corev1.EventList
	if err := s.List(ctx, &events, client.InNamespace(s.Namespace)); err != nil {
		fmt.Fprintf(b, "events: %v\n", err)
	}
	slices.SortFunc(events.Items, func(a, b corev1.Event) int {
		return cmp.Or(when(a).Compare(when(b)), cmp.Compare(a.Name, b.Name))
	})
	fmt.Fprintln(b, "---- events")
	for _, e := range events.Items {
		fmt.Fprintf(b, "%s %s %s/%s: %s: %s\n", when(e).UTC().Format("15:04:05"), e.Type, e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, e.Message)
	}
}

// Events are those of the namespace with a reason, now.
func (s *Space) Events(reason string) []corev1.Event {
	s.t.Helper()
	var events corev1.EventList
	s.must(s.List(s.t.Context(), &events, client.InNamespace(s.Namespace)), "events")
	return slices.DeleteFunc(events.Items, func(e corev1.Event) bool { return e.Reason != reason })
}

// when is the first of an event's times that is there: each generation of clients fills in others.
func when(e corev1.Event) time.Time {
	for _, t := range []time.Time{e.LastTimestamp.Time, e.EventTime.Time} {
		if !t.IsZero() {
			return t
		}
	}
	return e.CreationTimestamp.Time
}
