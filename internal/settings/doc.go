// Package settings reads the settings of all subcommands from one table.
//
// Every setting can be given in three ways that say the same: as a flag
// (--kill-budget), as a variable (MONGOGATE_KILL_BUDGET) or in a YAML file
// (killBudget) that --config or MONGOGATE_CONFIG names. The first of these that
// gives it wins; below them come what the pod is told by Kubernetes, and the
// default. Each value remembers where it came from.
//
// Promised: all problems are reported at once, as one [*Error], each with the
// setting, where it came from, and what would be right; a variable or a key of
// the file that is no setting is a problem too; the times add up and the URI is
// one that the lock takes, by the lock's own rules; no secret is in any message.
// Not promised: that the database answers, or that a protection works on this
// machine. That is what mongogate doctor looks at.
//
// A variable that is empty counts as not set: the downward API makes such a
// variable of a label that does not exist.
package settings
