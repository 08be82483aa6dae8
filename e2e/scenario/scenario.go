//go:build linux

// Package scenario is the frame of the end-to-end scenarios, which are the
// tests of this directory. Each has namespaces, proxies and keys of its own,
// and is judged at its end by the witness: two workloads of one key that ran at
// once fail it, whatever it was about.
package scenario

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/lab"
	"github.com/mongogate/mongogate/e2e/witness"
)

// Opts are what a scenario needs. The zero value is one namespace in cluster a.
type Opts struct {
	// Clusters are "a" (if empty), "b" or "ab".
	Clusters string
	// TTL of leases, 6 s if zero. Timing has what follows from it.
	TTL time.Duration
	// Control says that it stops clusters or components, which only those of our own allow.
	Control bool
	// Kubernetes is the minor version of 1.x that it needs at least.
	Kubernetes int
	// RestartIgnored says that cluster b is to ignore the rule that restarts a pod in
	// place: its gates are off, which they are in that of our own.
	RestartIgnored bool
	// Background says that it waits for a clock most of the time, and takes no place of those that work.
	Background bool
	// MayOverlap says why two workloads may run at once; the scenario counts them itself.
	MayOverlap string
	// Unwitnessed says that it runs no workload.
	Unwitnessed bool
}

// Scenario is one test's part of the lab.
type Scenario struct {
	*testing.T

	Lab *lab.Lab
	// DB is the database past all proxies, for looking at locks and taking them.
	DB *lab.Database
	// A and B are its namespaces; nil where it has none.
	A, B *kube.Space
	// Name is that of its namespaces, the same in both clusters.
	Name string
	// Key is the lock key of a release named w, and what the witness knows its workload by.
	Key     string
	Witness *witness.Witness
	Timing  mongolock.Timing

	opts Opts
	// own are databases of this scenario alone.
	own []*lab.Database
}

// Release is the name under which a scenario installs the chart, if it has no reason for another.
const Release = "w"

// RestartsInPlace is the version of Kubernetes that can start all containers of a
// pod anew (RestartAllContainers). It has MutatingAdmissionPolicy too.
const RestartsInPlace = 36

// New begins a scenario: it waits for its turn, and makes its namespaces. What it
// cannot have here skips it.
func New(t *testing.T, opts Opts) *Scenario {
	t.Helper()
	suite := current(t)
	s := &Scenario{T: t, Lab: suite.lab, DB: suite.lab.DB, Witness: suite.witness, opts: opts}
	if opts.Clusters == "" {
		s.opts.Clusters = "a"
	}
	if opts.TTL == 0 {
		s.opts.TTL = 6 * time.Second
	}
	suite.check(s)
	suite.turn(s)

	s.Name = namespace(t.Name())
	s.Key = s.Name + "/" + Release
	s.Timing = mongolock.Timing{TTL: s.opts.TTL}.WithDefaults()
	t.Cleanup(s.closeDatabases)
	t.Cleanup(s.dumpLocks)
	if strings.Contains(s.opts.Clusters, "a") {
		s.A = s.space(s.Lab.A)
	}
	if strings.Contains(s.opts.Clusters, "b") {
		s.B = s.space(s.Lab.B)
	}
	t.Cleanup(s.judge)
	return s
}

func (s *Scenario) space(c *lab.Cluster) *kube.Space {
	s.Helper()
	return kube.New(s.T, c, kube.Setup{Lab: s.Lab, Namespace: s.Name, Base: s.base(c.Name), Key: s.Key, TTL: s.opts.TTL})
}

// UseDatabase starts a database for this scenario alone, and leads its
// namespaces there: one with sign-in, say. Skip what it lacks by DB.Missing.
func (s *Scenario) UseDatabase(options devdb.Options) {
	s.Helper()
	db := must.Get(s.Lab.OpenDatabase(s.Context(), options))(s.T)
	s.own = append(s.own, db)
	s.DB = db
	for _, space := range []*kube.Space{s.A, s.B} {
		if space != nil {
			space.UseDatabase(db)
		}
	}
}

// closeDatabases is the last that a scenario does: what it leaves is looked at before.
func (s *Scenario) closeDatabases() {
	for _, db := range s.own {
		_ = db.Close()
	}
}

// namespace makes a name that says which test it is of: TestAloneNodeDrain is e2e-alone-node-drain-x7k2q.
func namespace(test string) string {
	var b strings.Builder
	for _, r := range strings.TrimPrefix(strings.ReplaceAll(test, "/", ""), "Test") {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('-')
		}
		if r != '_' {
			b.WriteString(strings.ToLower(string(r)))
		}
	}
	name := strings.Trim(b.String(), "-")
	return "e2e-" + name[:min(len(name), 40)] + "-" + strings.ToLower(rand.Text()[:5])
}

// judge is the end of every scenario: the witness has the last word.
func (s *Scenario) judge() {
	if s.opts.MayOverlap != "" {
		return
	}
	runs := 0
	for _, key := range s.Witness.Keys(s.Name + "/") {
		runs += len(s.Witness.Runs(key))
		for _, o := range s.Witness.Overlaps(key) {
			s.Errorf("UNSAFE: %v", o)
		}
		for _, o := range s.Witness.Crowds(key) { // a container was replaced before it was gone
			s.Errorf("UNSAFE: in one pod: %v", o)
		}
	}
	if runs == 0 && !s.opts.Unwitnessed && !s.Failed() {
		s.Error("the witness saw no workload: nothing was shown (Unwitnessed, if there is to be none)")
	}
}

// dumpLocks writes the scenario's lock documents to its output if it failed.
func (s *Scenario) dumpLocks() {
	if !s.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	locks, err := s.DB.List(ctx, s.Name+"/", 0)
	if err != nil {
		s.Logf("lock documents: %v", err)
	}
	for _, info := range locks {
		s.Logf("lock document: %s", jsonOf(info))
	}
	for _, key := range s.Witness.Keys(s.Name + "/") {
		for _, r := range s.Witness.Runs(key) {
			s.Logf("witness: %v", r)
		}
	}
}
