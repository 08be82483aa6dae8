package locktest

import (
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// silent inserts a holder that never renews, with the given numbers.
func (s *suite) silent(t *testing.T, key string, ttl, grace time.Duration, change bson.M) {
	t.Helper()
	m := bson.M{"ttlMs": ttl.Milliseconds(), "graceMs": grace.Milliseconds()}
	for k, v := range change {
		m[k] = v
	}
	s.insert(t, heldDoc(key, m))
}

func (s *suite) watchedSteal(t *testing.T) {
	const ttl, grace = 400 * time.Millisecond, 100 * time.Millisecond
	s.silent(t, "steal", ttl, grace, nil)
	l := s.locker(t, "b", func(o *mongolock.Options) { o.Poll = time.Hour })
	begun := time.Now()
	lease, err := l.Acquire(soon(t), "steal")
	must(t, lease, err)
	// A poll of an hour: the try came when the watch was ripe, and at no other time.
	if took := time.Since(begun); took < ttl+grace {
		t.Errorf("taken over after %v, before the holder's silence of %v", took, ttl+grace)
	}
	h, err := l.History(soon(t), "steal")
	if err != nil || len(h) != 1 || h[0].How != "taken-over" || h[0].Token != lease.Token() {
		t.Errorf("history %+v, %v", h, err)
	}
}

func (s *suite) livingHolder(t *testing.T) {
	a, b := s.locker(t, "a"), s.locker(t, "b")
	lease, err := a.Try(soon(t), "living")
	must(t, lease, err)
	// Two and a half silences: renewals are all that protects.
	timeout := time.After(short().Silence() * 5 / 2)
	for tries := 0; ; tries++ {
		select {
		case <-timeout:
			if tries < 10 {
				t.Fatalf("only %d tries", tries)
			}
			if !lease.Held() {
				t.Error("the holder lost it")
			}
			return
		default:
		}
		if stolen, err := b.Try(soon(t), "living"); err == nil {
			_ = stolen.Release(soon(t))
			t.Fatalf("robbed after %d tries", tries)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// wallClock shows that expire means nothing: neither that it is past nor that it is far off.
func (s *suite) wallClock(t *testing.T) {
	a, b := s.locker(t, "a"), s.locker(t, "b")
	lease, err := a.Try(soon(t), "clock", mongolock.TTL(time.Minute))
	must(t, lease, err)
	s.set(t, "clock", bson.D{{Key: "expire", Value: time.Unix(0, 0)}})
	var held *mongolock.HeldError
	if _, err := b.Try(soon(t), "clock"); !errors.As(err, &held) {
		t.Errorf("an expire of 1970: %v, want held", err)
	}
	s.silent(t, "clock-2", 300*time.Millisecond, 0, bson.M{"expire": time.Now().Add(1000 * time.Hour)})
	got, err := b.Acquire(soon(t), "clock-2")
	must(t, got, err)
}

// ownersNumbers shows that the holder's own ttl and grace count, not the challenger's.
func (s *suite) ownersNumbers(t *testing.T) {
	b := s.locker(t, "b")
	own := 3 * b.Timing().Silence() / 2
	s.silent(t, "numbers", own, 0, nil)
	begun := time.Now()
	lease, err := b.Acquire(soon(t), "numbers")
	must(t, lease, err)
	if took := time.Since(begun); took < own {
		t.Errorf("taken over after %v, the holder's ttl is %v", took, own)
	}
}

func (s *suite) triesAddUp(t *testing.T) {
	s.silent(t, "tries", 300*time.Millisecond, 100*time.Millisecond, nil)
	b := s.locker(t, "b")
	begun := time.Now()
	eventually(t, 5*time.Second, "a repeated Try takes over", func() bool {
		lease, err := b.Try(soon(t), "tries")
		if err != nil {
			return false
		}
		must(t, lease, err)
		return true
	})
	if took := time.Since(begun); took < 400*time.Millisecond {
		t.Errorf("taken over after %v", took)
	}
}
