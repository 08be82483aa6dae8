//go:build linux

// Package kube is what a scenario does to one of its clusters: install and
// apply, wait, look, delete, signal. All of it ends the test with a message
// that says what was there instead, so that a scenario reads as a story.
package kube

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/faultproxy"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/mongogate/mongogate/e2e/lab"
)

// URISecret is the secret with the connection string, under the key uri.
const URISecret = "mongogate-uri"

// poll is the time between two looks at the API. What is measured in
// milliseconds is measured by the witness and the database.
const poll = 250 * time.Millisecond

// Space is the namespace of one scenario in one cluster.
type Space struct {
	*lab.Cluster
	Setup
	// DB is the only way of this namespace to the database; faults on it meet nobody else.
	DB *faultproxy.Proxy
	// URI leads through DB.
	URI string

	t testing.TB
}

// Setup is what a scenario wants of a namespace.
type Setup struct {
	Lab *lab.Lab
	// Namespace is the name, the same in all clusters of a scenario.
	Namespace string
	// Base are values that every installation of the chart starts from.
	Base Values
	// Key is what the witness knows the workload by.
	Key string
	TTL time.Duration
}

// New makes the namespace, in which PodSecurity "restricted" is enforced, and
// its secret. Both go at the end of the test; before, if it failed, all that is
// in it is written to its output.
func New(t testing.TB, cluster *lab.Cluster, setup Setup) *Space {
	t.Helper()
	s := &Space{Cluster: cluster, Setup: setup, t: t}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace, Labels: map[string]string{
		"pod-security.kubernetes.io/enforce": "restricted",
		"mongogate.dev/e2e":                  "true",
	}}}
	if err := cluster.Create(t.Context(), space); err != nil {
		t.Fatalf("cluster %s: %v", cluster.Name, err)
	}
	t.Cleanup(s.remove)
	s.UseDatabase(s.Lab.DB)
	return s
}

// UseDatabase leads the namespace to a database, through a proxy of its own.
func (s *Space) UseDatabase(db *lab.Database) {
	s.t.Helper()
	var err error
	if s.DB, s.URI, err = db.Proxy(); err != nil {
		s.t.Fatal(err)
	}
	proxy := s.DB
	s.t.Cleanup(func() { _ = proxy.Close() })
	s.Secret(URISecret, map[string]string{"uri": s.URI})
}

func (s *Space) remove() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.t.Failed() {
		s.dump(ctx)
	}
	// Pods go in their own time: the next scenario does not wait for them.
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: s.Namespace}}
	if err := s.Delete(ctx, space); err != nil {
		s.t.Logf("cluster %s: namespace %s stays: %v", s.Name, s.Namespace, err)
	}
}

// Secret creates a secret, or replaces what is in it.
func (s *Space) Secret(name string, data map[string]string) {
	s.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: s.Namespace}, StringData: data}
	err := s.Create(s.t.Context(), secret)
	if err != nil {
		err = s.Update(s.t.Context(), secret)
	}
	s.must(err, "secret %s", name)
}

func (s *Space) String() string { return "cluster " + s.Name + ", " + s.Namespace }

// must ends the test at an error, and says where, and at what.
func (s *Space) must(err error, format string, args ...any) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%s: %s: %v", s, fmt.Sprintf(format, args...), err)
	}
}

// Eventually looks until happened is true. want is what for, in words; the
// string that happened returns is what there is instead.
func (s *Space) Eventually(want string, within time.Duration, happened func(context.Context) (bool, string)) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	begun, last := time.Now(), "nothing was seen"
	for {
		done, seen := happened(ctx)
		if done {
			return
		}
		if ctx.Err() == nil && seen != "" {
			last = seen
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%s: %s: not within %v; last: %s", s, want, time.Since(begun).Round(time.Millisecond), last)
		case <-time.After(poll):
		}
	}
}
