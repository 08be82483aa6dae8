// Package bucket names what is locked: the key of a run, and the time slot
// (the bucket) that the run belongs to.
//
// What is promised: the same settings and the same scheduled minute give the
// same key in every cluster and on every machine. A bucket's id is the UTC
// instant at which it begins (2026-11-22T03:00Z), so it is unambiguous in an
// hour that the clocks repeat, whatever the time zone of the rule.
//
// What is not: a pod's clock never chooses the bucket of a CronJob's run, but
// on a plain machine the machine's clock does. Machines whose clocks differ by
// more than half the distance between two ticks run the same tick twice. Two
// rules that begin a bucket at the same instant (1h and 1d at midnight) give
// the same id: a job whose rule changes may find its first bucket done.
package bucket

// FieldError is one thing wrong with the settings that make up a key.
type FieldError struct {
	// Field is the setting, spelled as its flag without dashes.
	Field string
	// Value is what was given, where it was that and not its absence.
	Value string
	// Message says what is wrong, Remedy what would be right.
	Message, Remedy string
}

func (e *FieldError) Error() string {
	s := e.Field + ": " + e.Message
	if e.Remedy != "" {
		s += "; " + e.Remedy
	}
	return s
}
