//go:build linux

package kube

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// Inventory is all that the namespace has, of whatever kind the API knows:
// "configmaps/kube-root-ca.crt". Events are not in it: they tell what was. Two
// objects are Kubernetes' own, in each namespace, and come some time after it was made.
func (s *Space) Inventory() []string {
	s.t.Helper()
	var all []string
	s.Eventually("what Kubernetes puts into each namespace", time.Minute, func(ctx context.Context) (bool, string) {
		now, err := s.inventory(ctx)
		if err != nil {
			return false, err.Error()
		}
		all = now
		missing := lacking([]string{"configmaps/kube-root-ca.crt", "serviceaccounts/default"}, all)
		return len(missing) == 0, "not yet: " + strings.Join(missing, ", ")
	})
	return all
}

// WaitInventory waits until the namespace has what is given and nothing else.
func (s *Space) WaitInventory(want []string, within time.Duration) {
	s.t.Helper()
	s.Eventually("nothing else than before", within, func(ctx context.Context) (bool, string) {
		now, err := s.inventory(ctx)
		if err != nil {
			return false, err.Error()
		}
		return slices.Equal(now, want), "more: " + strings.Join(lacking(now, want), ", ") + "; less: " + strings.Join(lacking(want, now), ", ")
	})
}

// lacking is what a list has and another has not.
func lacking(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(o string) bool { return slices.Contains(other, o) })
}

func (s *Space) inventory(ctx context.Context) ([]string, error) {
	kinds, err := s.Typed.Discovery().ServerPreferredNamespacedResources()
	if err != nil {
		return nil, fmt.Errorf("asking for the kinds of objects: %w", err)
	}
	config := rest.CopyConfig(s.Config)
	config.WarningHandler = rest.NoWarnings{} // of kinds that have become old
	reader, err := metadata.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, group := range kinds {
		version, err := schema.ParseGroupVersion(group.GroupVersion)
		if err != nil {
			return nil, err
		}
		for _, kind := range group.APIResources {
			if kind.Name == "events" || !slices.Contains(kind.Verbs, "list") {
				continue
			}
			list, err := reader.Resource(version.WithResource(kind.Name)).Namespace(s.Namespace).List(ctx, metav1.ListOptions{})
			if err != nil {
				return nil, fmt.Errorf("listing %s: %w", kind.Name, err)
			}
			for _, o := range list.Items {
				all = append(all, kind.Name+"/"+o.Name)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}
