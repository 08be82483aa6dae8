//go:build linux

package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WaitRollout waits until the Deployment or StatefulSet of that name has as
// many pods as it was told, all made of what it was told last, and all ready.
func (s *Space) WaitRollout(name string, within time.Duration) {
	s.t.Helper()
	s.Eventually("rollout of "+name, within, func(ctx context.Context) (bool, string) {
		wanted, updated, ready, seen, err := s.rollout(ctx, name)
		if err != nil {
			return false, err.Error()
		}
		return seen && updated == wanted && ready == wanted, fmt.Sprintf("of %d pods %d updated, %d ready; the controller has seen the change: %v", wanted, updated, ready, seen)
	})
}

func (s *Space) rollout(ctx context.Context, name string) (wanted, updated, ready int32, seen bool, err error) {
	at := client.ObjectKey{Namespace: s.Namespace, Name: name}
	var d appsv1.Deployment
	if err = s.Get(ctx, at, &d); err == nil {
		status := d.Status
		// Old pods that are left over count as not updated.
		return *d.Spec.Replicas, status.UpdatedReplicas - (status.Replicas - status.UpdatedReplicas), status.AvailableReplicas, status.ObservedGeneration >= d.Generation, nil
	}
	if !apierrors.IsNotFound(err) {
		return 0, 0, 0, false, err
	}
	var set appsv1.StatefulSet
	if err = s.Get(ctx, at, &set); err != nil {
		return 0, 0, 0, false, err
	}
	return *set.Spec.Replicas, set.Status.UpdatedReplicas, set.Status.ReadyReplicas, set.Status.ObservedGeneration >= set.Generation, nil
}

// Serving is every set of pods to which a Service has sent requests since WatchServing.
type Serving struct {
	s       *Space
	service string

	mu     sync.Mutex
	slices map[string][]string
	states [][]string
	err    error
}

// WatchServing begins to note which pods are ready endpoints of a Service,
// every state that the API has been in.
func (s *Space) WatchServing(service string) *Serving {
	s.t.Helper()
	v := &Serving{s: s, service: service, slices: map[string][]string{}}
	w, err := s.Typed.DiscoveryV1().EndpointSlices(s.Namespace).Watch(s.t.Context(), metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service})
	s.must(err, "endpoints of %s", service)
	var loop sync.WaitGroup
	loop.Go(func() {
		for e := range w.ResultChan() {
			v.note(e)
		}
	})
	s.t.Cleanup(func() {
		w.Stop()
		loop.Wait()
	})
	return v
}

func (v *Serving) note(e watch.Event) {
	v.mu.Lock()
	defer v.mu.Unlock()
	slice, ok := e.Object.(*discoveryv1.EndpointSlice)
	if !ok {
		v.err = apierrors.FromObject(e.Object)
		return
	}
	delete(v.slices, slice.Name)
	if e.Type != watch.Deleted {
		for _, end := range slice.Endpoints {
			if end.Conditions.Ready != nil && *end.Conditions.Ready && end.TargetRef != nil {
				v.slices[slice.Name] = append(v.slices[slice.Name], end.TargetRef.Name)
			}
		}
	}
	var now []string
	for _, pods := range v.slices {
		now = append(now, pods...)
	}
	slices.Sort(now)
	v.states = append(v.states, now)
}

// States are the sets of pods so far, in the order in which they were.
func (v *Serving) States() [][]string {
	v.s.t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		v.s.t.Fatalf("%s: endpoints of %s: %v", v.s, v.service, v.err)
	}
	return slices.Clone(v.states)
}

// Await waits until the Service sends requests to these pods and no other.
func (v *Serving) Await(within time.Duration, pods ...*Pod) {
	v.s.t.Helper()
	var names []string
	for _, p := range pods {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	v.s.Eventually("service "+v.service+" sends to "+strings.Join(names, ", "), within, func(context.Context) (bool, string) {
		states := v.States()
		if len(states) == 0 {
			return false, "it has no endpoints yet"
		}
		last := states[len(states)-1]
		return slices.Equal(last, names), "it sends to " + strings.Join(last, ", ")
	})
}
