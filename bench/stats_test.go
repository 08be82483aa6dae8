package main

import (
	"math"
	"testing"
)

func TestQuantile(t *testing.T) {
	values := []float64{4, 1, 3, 2}
	for p, want := range map[float64]float64{0: 1, 0.5: 2.5, 1: 4, 0.25: 1.75} {
		if got := quantile(values, p); got != want {
			t.Errorf("quantile %v of %v: %v, want %v", p, values, got, want)
		}
	}
	if !math.IsNaN(median(nil)) {
		t.Error("the median of nothing is a number")
	}
}

// A machine that is ten times slower in some blocks moves neither the ratio nor its interval.
func TestCompareIsPaired(t *testing.T) {
	var a, b [][]float64
	for i := range 40 {
		slow := 1.0
		if i%3 == 0 {
			slow = 10
		}
		a = append(a, []float64{3 * slow, 3.1 * slow, 2.9 * slow})
		b = append(b, []float64{2 * slow, 2 * slow, 9 * slow})
	}
	r := compare(a, b)
	for name, got := range map[string]float64{"middle": r.middle, "p10": r.p10, "p90": r.p90, "low": r.low, "high": r.high} {
		if math.Abs(got-1.5) > 1e-9 {
			t.Errorf("%s is %v, want 1.5", name, got)
		}
	}
	if r.blocks != 40 {
		t.Errorf("%d blocks, want 40", r.blocks)
	}
}
