package telemetry

import "time"

// remindEvery is how often a log says again what goes on unchanged.
const remindEvery = time.Minute

// reminders know since when something goes on, and when a log said so last. The zero value is ready.
type reminders map[call]*struct{ since, said time.Time }

func (r *reminders) begin(c call) {
	if *r == nil {
		*r = reminders{}
	}
	now := time.Now()
	(*r)[c] = &struct{ since, said time.Time }{now, now}
}

// due is true once a minute, with the time since the beginning in whole seconds.
func (r *reminders) due(c call) (since time.Duration, due bool) {
	on := (*r)[c]
	if on == nil {
		r.begin(c)
		return 0, false
	}
	if time.Since(on.said) < remindEvery {
		return 0, false
	}
	on.said = time.Now()
	return time.Since(on.since).Round(time.Second), true
}

func (r *reminders) end(c call) { delete(*r, c) }
