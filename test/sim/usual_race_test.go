//go:build race

package sim

// usual is how many histories run where nothing else is said, usualOverTheWire how many of those that cost ten times as
// much: 30 s of a processor together, for the race detector makes each seven times as long.
const usual, usualOverTheWire = 200, 30
