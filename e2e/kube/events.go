//go:build linux

package kube

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// WaitEvent waits until a gate has written an Event about an object, as
// "Warning LockLost", and returns what it says.
func (s *Space) WaitEvent(about client.Object, event string, within time.Duration) (message string) {
	s.t.Helper()
	which, err := s.selector()
	if err != nil {
		s.t.Fatalf("%s: %v", s, err)
	}
	s.Eventually("Event "+event+" about "+about.GetName(), within, func(ctx context.Context) (bool, string) {
		var events corev1.EventList
		if err := s.List(ctx, &events, client.InNamespace(s.Namespace), client.MatchingFieldsSelector{Selector: which}); err != nil {
			return false, err.Error()
		}
		var seen []string
		for _, e := range events.Items {
			if e.InvolvedObject.UID == about.GetUID() && e.Type+" "+e.Reason == event {
				message = e.Message
				return true, ""
			}
			seen = append(seen, fmt.Sprintf("%s/%s: %s %s", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Type, e.Reason))
		}
		return false, fmt.Sprintf("those with %s: %s", which, strings.Join(seen, ", "))
	})
	return message
}

// selector is by what the chart's notes tell people to list Events, so that what they say is what is listed.
func (s *Space) selector() (fields.Selector, error) {
	notes, err := os.ReadFile(filepath.Join(s.Root, "charts", "mongogate", "templates", "NOTES.txt"))
	if err != nil {
		return nil, err
	}
	found := regexp.MustCompile(`get events --field-selector (\S+)`).FindSubmatch(notes)
	if found == nil {
		return nil, errors.New("the chart's notes do not say how Events are listed")
	}
	return fields.ParseSelector(string(found[1]))
}

// WaitEvent is [Space.WaitEvent] about the pod.
func (p *Pod) WaitEvent(event string, within time.Duration) (message string) {
	p.s.t.Helper()
	return p.s.WaitEvent(p.Pod, event, within)
}
