//go:build linux

// Package docs holds what is written in README.md, docs/ and their like
// against the code.
//
// Promised: what is marked as tested is run as it stands, with the built binary
// on a real database; every flag, variable, metric, exit code, subcommand, make
// target and link that is named exists; tables of numbers are computed anew. Marks
// are comments before a block (<!-- test -->, <!-- test: cron -->, …) and
// after it (<!-- output: TEXT -->, <!-- no output: TEXT -->).
//
// Not promised: that prose is true.
package docs
