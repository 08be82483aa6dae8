//go:build !race

package sim

// usual is how many histories run where nothing else is said, usualOverTheWire how many of those that cost ten times as much: 20 s of a processor together.
const usual, usualOverTheWire = 400, 100
