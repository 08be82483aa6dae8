// Package telemetry turns what locks and gates tell into metrics, log lines and notices, which are the texts of Events.
//
// Promised: who logs waits for no reader, and what nobody reads in time is dropped, the oldest first, and counted; each log
// record is one line in which everything shows; no key, owner, URI or error text becomes a label, so the number of series is
// fixed; log lines never contain a connection string, and notices no error of the store.
// Not promised: that a metric is the truth about the lock. Only the gate is.
package telemetry

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Metrics are the metrics of one gate, in a registry of their own.
type Metrics struct {
	Registry *prometheus.Registry

	acquired, skipped prometheus.Counter
	lost, rotated     *prometheus.CounterVec
	unknown           *prometheus.CounterVec
	kube, dropped     *prometheus.CounterVec
	renew             prometheus.Histogram
	stop              prometheus.Histogram
	token, ignored    prometheus.Gauge
}

// NewMetrics registers the metrics of a binary of this version.
func NewMetrics(version string) *Metrics {
	r := prometheus.NewRegistry()
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "mongogate", Name: name, Help: help})
		r.MustRegister(c)
		return c
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "mongogate", Name: name, Help: help}, []string{label})
		r.MustRegister(c)
		return c
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "mongogate", Name: name, Help: help, Buckets: buckets})
		r.MustRegister(h)
		return h
	}
	m := &Metrics{
		Registry: r,
		acquired: counter("acquisitions_total", "Leases that were acquired."),
		skipped:  counter("skips_total", "Runs that were skipped because they are done or held elsewhere."),
		lost:     vec("losses_total", "Leases that were lost, by reason: deadline, revoked, taken, twin.", "reason"),
		rotated:  vec("rotations_total", "New credentials that were found, by outcome: taken, refused.", "outcome"),
		unknown:  vec("unacknowledged_total", "Calls to the store that were not acknowledged, by call.", "call"),
		kube:     vec("kube_errors_total", "Calls to the Kubernetes API that failed, by call.", "call"),
		dropped:  vec("dropped_total", "What was dropped because nobody took it in time, by where it was to go: log, event, observer.", "to"),
		renew:    histogram("renewal_duration_seconds", "Time to an acknowledged renewal.", prometheus.ExponentialBuckets(0.001, 2.5, 11)),
		stop:     histogram("stop_duration_seconds", "Time from a loss to the evidence that the workload has ended.", prometheus.ExponentialBuckets(0.01, 2, 12)),
		token:    prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "mongogate", Name: "token", Help: "Fencing token of the last lease."}),
	}
	m.ignored = prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "mongogate", Name: "restart_ignored", Help: "1 where the lock is not acquired because the restart rule of the pod was ignored.",
	})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "mongogate", Name: "build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	r.MustRegister(m.token, m.ignored, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, reason := range []mongolock.LossReason{mongolock.LostDeadline, mongolock.LostRevoked, mongolock.LostTaken, mongolock.LostTwin} {
		m.lost.WithLabelValues(string(reason))
	}
	for _, outcome := range []string{rotationTaken, rotationRefused} {
		m.rotated.WithLabelValues(outcome)
	}
	for _, call := range []string{"acquire", "renew", "finish", "read"} {
		m.unknown.WithLabelValues(call)
	}
	for _, call := range []string{"event", "label", "status"} {
		m.kube.WithLabelValues(call)
	}
	for _, to := range []string{"log", "event", "observer"} {
		m.dropped.WithLabelValues(to)
	}
	return m
}

// Gate registers what is computed from a gate at the moment of asking.
func (m *Metrics) Gate(g *gate.Gate, clock gate.Clock) {
	m.Registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "mongogate", Name: "open", Help: "1 while the workload may run."}, func() float64 {
			if g.Open() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "mongogate", Name: "remaining_seconds", Help: "Time to the local deadline of the lease; 0 without one."}, func() float64 {
			if state, grant := g.State(); state == gate.Held {
				return max(0, (grant.Deadline - clock.Now()).Seconds())
			}
			return 0
		}),
	)
}

// Dropped counts what was dropped instead of holding a gate up, by where it was to go: log, event.
func (m *Metrics) Dropped(to string) { m.dropped.WithLabelValues(to).Inc() }

// Event counts what a lock tells.
func (m *Metrics) Event(e mongolock.Event) {
	switch e.Kind {
	case mongolock.EventAcquired:
		m.acquired.Inc()
		m.token.Set(float64(e.Token))
	case mongolock.EventRenewed:
		m.renew.Observe(e.Took.Seconds())
	case mongolock.EventUnknown:
		m.unknown.WithLabelValues(e.Call).Inc()
	case mongolock.EventLost:
		m.lost.WithLabelValues(string(reason(e.Err))).Inc()
	case mongolock.EventDropped:
		m.dropped.WithLabelValues("observer").Add(float64(e.Dropped))
	case mongolock.EventWaiting, mongolock.EventSuccessor, mongolock.EventFinished:
	}
}

// KubeFailed counts a call to the Kubernetes API that failed: event, label or status.
func (m *Metrics) KubeFailed(call string) { m.kube.WithLabelValues(call).Inc() }

// RestartIgnored says that the gate refuses to acquire, for its protection does nothing.
func (m *Metrics) RestartIgnored() { m.ignored.Set(1) }

// Skipped counts a run that is left to others.
func (m *Metrics) Skipped() { m.skipped.Inc() }

// Stopped records how long it took to stop a workload after a loss.
func (m *Metrics) Stopped(d time.Duration) { m.stop.Observe(d.Seconds()) }

// Rotated counts new credentials, by whether they could be used.
func (m *Metrics) Rotated(err error) {
	outcome := rotationTaken
	if err != nil {
		outcome = rotationRefused
	}
	m.rotated.WithLabelValues(outcome).Inc()
}

// The outcomes of rotations.
const (
	rotationTaken   = "taken"
	rotationRefused = "refused"
)

// reason is that of a loss, for its label.
func reason(err error) mongolock.LossReason {
	var lost *mongolock.LostError
	if errors.As(err, &lost) {
		return lost.Reason
	}
	return mongolock.LostTaken
}
