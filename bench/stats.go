package main

import (
	"math"
	"math/rand/v2"
	"slices"
)

// quantile is the p-quantile of values, by linear interpolation; NaN without values.
func quantile(values []float64, p float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	s := slices.Sorted(slices.Values(values))
	at := p * float64(len(s)-1)
	low := int(at)
	if low == len(s)-1 {
		return s[low]
	}
	return s[low] + (at-float64(low))*(s[low+1]-s[low])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// ratio compares two series that were measured in the same blocks. For each
// block it is that of the medians within it: a slow moment of the machine is in both.
type ratio struct {
	middle    float64 // median over the blocks
	p10, p90  float64 // over the blocks
	low, high float64 // 95 % confidence interval of middle, by bootstrap over the blocks
	more      float64 // ms that a takes longer, median over the blocks
	blocks    int
}

func compare(a, b [][]float64) ratio {
	var ratios, more []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, median(a[i])/median(b[i]))
		more = append(more, median(a[i])-median(b[i]))
	}
	const draws = 2000
	// The same seed always: the table says the same of the same measurements.
	random := rand.New(rand.NewPCG(1, 2))
	middles := make([]float64, draws)
	sample := make([]float64, len(ratios))
	for i := range middles {
		for j := range sample {
			sample[j] = ratios[random.IntN(len(ratios))]
		}
		middles[i] = median(sample)
	}
	return ratio{
		middle: median(ratios), p10: quantile(ratios, 0.1), p90: quantile(ratios, 0.9),
		low: quantile(middles, 0.025), high: quantile(middles, 0.975), more: median(more), blocks: len(ratios),
	}
}

// flat joins the blocks of a series.
func flat(blocks [][]float64) []float64 { return slices.Concat(blocks...) }
