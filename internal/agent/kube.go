//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/kube"
	"github.com/mongogate/mongogate/internal/podworkload"
	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/internal/telemetry"
	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// account is the directory of the pod's service account. Tests link another one.
var account = kube.AccountDir

// kubeFeatures is what a session does with the Kubernetes API. The zero value does nothing.
type kubeFeatures struct {
	client  *kube.Client
	events  *kube.Events
	notices *telemetry.Notices
	label   *kube.Label
	status  *kube.Status
	// looking are looks at what the store remembers, for people, which end with stopLooking.
	looking     sync.WaitGroup
	look        context.Context //nolint:containedctx // of these looks
	stopLooking context.CancelFunc
	// hearing is held by who begins a look, and by who ends them.
	hearing sync.Mutex
	closed  bool
	// settle is how long a lease that is given back waits for the label to be off.
	settle time.Duration
}

// usesKube names the settings that ask for the Kubernetes API.
func usesKube(s *settings.Settings) []string {
	var all []string
	for _, f := range []struct {
		name string
		on   bool
	}{{"kube-events", s.KubeEvents}, {"kube-label", s.KubeLabel != ""}, {"kube-evidence", s.KubeEvidence}, {"kube-owner", s.KubeOwner}} {
		if f.on {
			all = append(all, f.name)
		}
	}
	return all
}

// reachKube makes a client of the Kubernetes API from what the pod was told. What is missing is a problem of the settings that ask for it.
func reachKube(w World, s *settings.Settings, asked ...string) (*kube.Client, error) {
	client, err := kube.New(kube.Place{
		Host: w.Variable("KUBERNETES_SERVICE_HOST"), Port: w.Variable("KUBERNETES_SERVICE_PORT"), Account: account,
		Pod: kube.Pod{Name: s.Pod, UID: s.PodUID, Node: s.Node, JobName: s.JobName, JobUID: s.JobUID},
	})
	if err == nil {
		return client, nil
	}
	wrong := &settings.Error{Problems: problem.All(err)}
	for i := range wrong.Problems {
		wrong.Problems[i].Field = strings.Join(asked, ", ")
	}
	return nil, wrong
}

// startKube begins what the settings ask of the Kubernetes API: nothing, and then there is no client.
func (ses *session) startKube(w World) error {
	s := ses.s
	asked := usesKube(s)
	if len(asked) == 0 {
		return nil
	}
	client, err := reachKube(w, s, asked...)
	if err != nil {
		return err
	}
	told := func(call string) kube.Told {
		return kube.Told{Log: ses.log, Failed: func() { ses.metrics.KubeFailed(call) }}
	}
	k := &ses.kube
	k.client, k.settle = client, min(2*time.Second, s.Timing().Operation)
	k.look, k.stopLooking = context.WithCancel(context.WithoutCancel(ses.ctx))
	if s.KubeEvents {
		events := told("event")
		events.Dropped = func() { ses.metrics.Dropped("event") }
		k.events = kube.NewEvents(client, events)
		k.notices = telemetry.NewNotices(ses.clock, func(n telemetry.Notice) {
			k.events.Write(kube.Event{Reason: n.Reason, Message: n.Text, Warning: n.Warning, OfJob: n.OfRun && n.Reason == telemetry.RunSkipped})
		})
	}
	if s.KubeLabel != "" {
		k.label = kube.NewLabel(client, s.KubeLabel, told("label"))
	}
	if s.KubeEvidence {
		k.status = kube.NewStatus(client, podworkload.Marker, told("status"))
	}
	return nil
}

// heard tells people what a lock says.
func (ses *session) heard(e mongolock.Event) {
	k := &ses.kube
	if k.notices == nil {
		return
	}
	k.notices.Event(e)
	k.hearing.Lock() // it comes from the observer, which nobody waits for
	defer k.hearing.Unlock()
	if e.Kind == mongolock.EventAcquired && !k.closed {
		k.looking.Go(func() { k.notices.Acquired(e.Key, e.Token, ses.remembered(e.Key)) })
	}
}

// remembered is what the store remembers of a key's acquisitions; nil where it does not answer soon.
func (ses *session) remembered(key string) []mongolock.HandOver {
	ctx, cancel := context.WithTimeout(ses.kube.look, ses.s.Timing().Operation)
	defer cancel()
	history, err := ses.locker.History(ctx, key)
	if err != nil {
		ses.log.V(1).Info("the Event will not name the previous holder", "error", err.Error())
	}
	return history
}

// changed tells people of a loss.
func (k *kubeFeatures) changed(c gate.Change) {
	if k.notices != nil && c.Action == gate.Shut && c.State == gate.Lost {
		k.notices.Shut(c.Grant, c.Reason)
	}
}

// close says what is left to be said, and not for long.
func (k *kubeFeatures) close() {
	if k.client == nil {
		return
	}
	k.hearing.Lock()
	k.closed = true
	k.hearing.Unlock()
	late := time.AfterFunc(k.settle, k.stopLooking)
	k.looking.Wait()
	late.Stop()
	k.stopLooking()
	var ends sync.WaitGroup // beside each other: the API may answer neither
	if k.status != nil {
		ends.Go(k.status.Close)
	}
	if k.label != nil {
		ends.Go(k.label.Close)
	}
	if k.events != nil {
		ends.Go(k.events.Close)
	}
	ends.Wait()
	k.client.Close()
}

// unlabel takes the label off, and waits for that for as long as a lease that is given back may.
func (k *kubeFeatures) unlabel(ctx context.Context) {
	if k.label == nil {
		return
	}
	k.label.Set(false)
	settled, cancel := context.WithTimeout(ctx, k.settle)
	defer cancel()
	k.label.Settled(settled)
}

// finished tells people that a lease was given back.
func (k *kubeFeatures) finished(key string, outcome gate.Outcome, s *settings.Settings) {
	if k.notices == nil {
		return
	}
	k.looking.Wait() // so that people hear it in its order; each look is one call
	k.notices.Finished(key, outcome, s.Lock.Bucket != "", s.OnFailure == settings.Hold)
}

// KubeFindings says whether what the settings ask of the Kubernetes API can work.
func KubeFindings(ctx context.Context, w World, s *settings.Settings) []mongolock.Finding {
	asked := usesKube(s)
	if len(asked) == 0 {
		return nil
	}
	var all []mongolock.Finding
	client, err := reachKube(w, s, asked...)
	if wrong := new(settings.Error); errors.As(err, &wrong) {
		for _, p := range wrong.Problems {
			all = append(all, mongolock.Finding{Fatal: true, Problem: p})
		}
		return all
	}
	defer client.Close()
	found := func(name, message, remedy string) {
		all = append(all, mongolock.Finding{Problem: problem.Problem{Field: name, Message: message, Remedy: remedy}})
	}
	for _, need := range []struct {
		on    bool
		name  string
		right kube.Right
		text  string
	}{
		{s.KubeEvents, "kube-events", kube.MayWriteEvents, kube.EventsRight},
		{s.KubeLabel != "", "kube-label", kube.MayLabel, kube.LabelRight},
		{s.KubeEvidence, "kube-evidence", kube.MayRead, kube.StatusRight},
		{s.KubeOwner, "kube-owner", kube.MayReadJobs, kube.JobRight},
	} {
		if !need.on {
			continue
		}
		allowed, err := client.Can(ctx, need.right)
		switch {
		case err != nil:
			found(need.name, "the Kubernetes API does not say whether this is allowed: "+err.Error(), "check the network policy and the service account")
		case !allowed:
			found(need.name, fmt.Sprintf("the service account may not %s %s", need.right.Verb, need.right.Resource), "give it the right: "+need.text)
		case need.right == kube.MayRead:
			if err := client.Provable(ctx, podworkload.Marker); err != nil {
				found(need.name, err.Error(), "evidence needs containers that are not started again: restartPolicy Never, as in Jobs")
			}
		}
	}
	return all
}
