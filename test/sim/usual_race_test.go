//go:build race

package sim

// usual is how many histories run where nothing else is said: 20 s of a processor, for the race detector makes each seven times as long.
const usual = 50
