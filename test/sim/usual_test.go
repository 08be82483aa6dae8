//go:build !race

package sim

// usual is how many histories run where nothing else is said: 10 s of a processor.
const usual = 150
