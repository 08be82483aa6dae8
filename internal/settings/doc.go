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
// the file that is no setting is a problem too; no secret is in any message.
// Not promised: that the timing adds up or that the database accepts the URI.
// Those rules belong to the lock, and come in through [Outside].
//
// A variable that is empty counts as not set: the downward API makes such a
// variable of a label that does not exist.
package settings
