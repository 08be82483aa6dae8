//go:build linux

package kube

import (
	"context"
	"fmt"
	"io"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/kubectl/pkg/drain"
)

// Drain cordons every node of the cluster and evicts what this namespace has on
// them, as kubectl drain does. Others' pods stay: one node is all there is.
func (s *Space) Drain(ctx context.Context) error {
	helper := s.drainer(ctx)
	var nodes corev1.NodeList
	if err := s.List(ctx, &nodes); err != nil {
		return fmt.Errorf("drain: %w", err)
	}
	for _, n := range nodes.Items {
		if err := drain.RunCordonOrUncordon(helper, &n, true); err != nil {
			return fmt.Errorf("drain: cordon %s: %w", n.Name, err)
		}
		if err := drain.RunNodeDrain(helper, n.Name); err != nil {
			return fmt.Errorf("drain: %s: %w", n.Name, err)
		}
	}
	return nil
}

// Uncordon lets all nodes take pods again.
func (s *Space) Uncordon(ctx context.Context) error {
	var nodes corev1.NodeList
	if err := s.List(ctx, &nodes); err != nil {
		return fmt.Errorf("uncordon: %w", err)
	}
	for _, n := range nodes.Items {
		if err := drain.RunCordonOrUncordon(s.drainer(ctx), &n, false); err != nil {
			return fmt.Errorf("uncordon %s: %w", n.Name, err)
		}
	}
	return nil
}

func (s *Space) drainer(ctx context.Context) *drain.Helper {
	return &drain.Helper{
		Ctx: ctx, Client: s.Typed, Force: true, IgnoreAllDaemonSets: true, DeleteEmptyDirData: true,
		GracePeriodSeconds: -1, Timeout: time.Minute, Out: io.Discard, ErrOut: io.Discard,
		AdditionalFilters: []drain.PodFilter{func(p corev1.Pod) drain.PodDeleteStatus {
			return drain.PodDeleteStatus{Delete: p.Namespace == s.Namespace}
		}},
	}
}
