// Package bucket names what is locked: the key of a run, and the time slot
// (the bucket) that the run belongs to.
//
// What is promised: the same settings and the same scheduled minute give the
// same key in every cluster and on every machine. A bucket's id is the UTC
// instant at which it begins (2026-11-22T03:00Z), so it is unambiguous in an
// hour that the clocks repeat, whatever the time zone of the rule.
//
// On a plain machine its clock chooses the bucket, and however late a run
// starts, up to the next tick, it is the same run. No bucket is taken from the
// future, but for the skew of clocks: a minute, or a tenth of the time between
// two ticks where that is less.
//
// In a pod of a CronJob's Job no clock chooses: the scheduled minute in the
// Job's name does. That is believed of a name that looks like it, unless the
// minute is ahead of the clock or somebody who can ask the API knows better.
//
// What is not promised: that machines agree where their clocks differ by more
// than that, or that buckets of an interval (1h, 1d) do where runs start around
// its border. Two rules that begin a bucket at the same instant (1h and 1d at
// midnight) give the same id: a job whose rule changes may find its first bucket done.
package bucket
