package linear

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// atOnce is how many databases there are, each with one history at a time.
const atOnce = 2

// TestHistories has histories of clients on a real server, while things befall it. Every change has to pass a few, `make linear` has
// a hundred.
func TestHistories(t *testing.T) {
	var (
		mu   sync.Mutex
		all  verdict
		had  int
		met  = map[string]int{}
		next int
		wait sync.WaitGroup
		// failed is what could not be tried.
		failed error
		began  = time.Now()
	)
	draw := func() (seed uint64, more bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return *firstSeed + uint64(next) - 1, next <= *histories && !t.Failed()
	}
	judged := func(seed uint64, h *history) {
		v := h.judge()
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf("history %d: %v; %s: %s\n", seed, v, h.world, strings.Join(h.faults, ", "))
		for _, wrong := range v.wrong {
			t.Errorf("history %d: %s", seed, wrong)
		}
		all.add(v)
		had++
		for _, f := range h.faults {
			met[f]++
		}
		if v.answered < 200 {
			t.Errorf("history %d: %d operations with an answer, want 200", seed, v.answered)
		}
	}
	for range min(atOnce, *histories) {
		wait.Go(func() {
			if err := several(t.Context(), draw, judged); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = errors.Join(failed, err)
			}
		})
	}
	wait.Wait()
	if errors.Is(failed, errEncrypted) {
		t.Skip(failed)
	}
	if failed != nil {
		t.Error(failed)
	}
	fmt.Printf("%d histories in %v: %v\n", had, time.Since(began).Round(time.Second), &all)
	for _, f := range slices.Sorted(maps.Keys(met)) {
		fmt.Printf("%4d × %s\n", met[f], f)
	}
	if had < *histories || all.unknown < had || had >= 20 && all.takenOver < had/2 {
		t.Errorf("too few: %d histories, %v", had, &all)
	}
}

// several has one history after the other on a database of its own.
func several(ctx context.Context, next func() (uint64, bool), judged func(uint64, *history)) (err error) {
	r, err := openRig(ctx)
	if err != nil {
		return err
	}
	defer func() {
		if end := r.close(context.WithoutCancel(ctx)); err == nil {
			err = end
		}
	}()
	fmt.Println(r.server.Banner())
	for {
		seed, more := next()
		if !more {
			return nil
		}
		h, err := one(ctx, r, seed)
		if err != nil {
			return fmt.Errorf("history %d: %w", seed, err)
		}
		judged(seed, h)
	}
}

func one(ctx context.Context, r *rig, seed uint64) (h *history, err error) {
	w, end, err := r.world(ctx, seed)
	defer func() {
		if e := end(); err == nil {
			err = e
		}
	}()
	if err != nil {
		return nil, err
	}
	return usual(seed).run(ctx, w)
}
