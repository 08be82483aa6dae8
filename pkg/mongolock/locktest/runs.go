package locktest

import (
	"context"
	"errors"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

func job(uid string) func(*mongolock.Options) {
	return func(o *mongolock.Options) { o.Holder.JobUID = uid }
}

func (s *suite) doneRecords(t *testing.T) {
	a := s.locker(t, "a", job("J1"), func(o *mongolock.Options) { o.Keep = time.Hour })
	lease, err := a.Try(soon(t), "run@1")
	must(t, lease, err)
	if err := lease.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
	doc := s.raw(t, "run@1")
	if !doc.Lookup("locked").Boolean() || doc.Lookup("expire").Type != bson.TypeNull || doc.Lookup("purgeAt").Type != bson.TypeDateTime {
		t.Errorf("done as %v", doc)
	}
	for _, uid := range []string{"J1", "J2", ""} {
		_, err := s.locker(t, "late", job(uid)).Acquire(soon(t), "run@1")
		var done *mongolock.DoneError
		if !errors.As(err, &done) || done.Info.Done == nil || done.Info.Done.By != "a" || done.Info.Done.Outcome != "succeeded" || done.Info.Done.JobUID != "J1" {
			t.Errorf("job %q: %v, want done by a", uid, err)
		}
	}
}

func (s *suite) failedRuns(t *testing.T) {
	hold := func(o *mongolock.Options) { o.FailedHold = true }
	a := s.locker(t, "a", job("J1"), hold)
	lease, err := a.Try(soon(t), "failed@1")
	must(t, lease, err)
	if err := lease.Finish(soon(t), mongolock.Failed); err != nil {
		t.Fatal(err)
	}
	var done *mongolock.DoneError
	for _, uid := range []string{"J2", ""} {
		if _, err := s.locker(t, "b", job(uid), hold).Acquire(soon(t), "failed@1"); !errors.As(err, &done) || done.Info.Done.Outcome != "failed" {
			t.Errorf("another job: %v, want done", err)
		}
	}
	again, err := s.locker(t, "retry", job("J1"), hold).Acquire(soon(t), "failed@1")
	must(t, again, err)
	if err := again.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
	// Released by default.
	free, err := s.locker(t, "c").Try(soon(t), "failed@2")
	must(t, free, err)
	if err := free.Finish(soon(t), mongolock.Failed); err != nil {
		t.Fatal(err)
	}
	next, err := s.locker(t, "d").Try(soon(t), "failed@2")
	must(t, next, err)
}

// skipNeedsProof: only a done record, or a holder of another Job that was seen to renew, lets a run be skipped.
func (s *suite) skipNeedsProof(t *testing.T) {
	a := s.locker(t, "a", job("J1"))
	lease, err := a.Try(soon(t), "skip@1")
	must(t, lease, err)
	var held *mongolock.HeldError
	if _, err := s.locker(t, "b", job("J2")).Acquire(soon(t), "skip@1", mongolock.SkipIfHeld()); !errors.As(err, &held) || !held.Moving {
		t.Errorf("a living holder of another job: %v, want skipped with proof", err)
	}

	// A holder of the same Job is waited for, alive or not.
	ctx, cancel := context.WithTimeout(t.Context(), 2*short().Heartbeat+200*time.Millisecond)
	defer cancel()
	var wait *mongolock.WaitError
	if _, err := s.locker(t, "b", job("J1")).Acquire(ctx, "skip@1", mongolock.SkipIfHeld()); !errors.As(err, &wait) {
		t.Errorf("the same job: %v, want waited", err)
	}

	// A silent holder of another Job is no reason to skip: it is taken over.
	s.silent(t, "skip@2", 400*time.Millisecond, 100*time.Millisecond, nil)
	got, err := s.locker(t, "b", job("J2")).Acquire(soon(t), "skip@2", mongolock.SkipIfHeld())
	must(t, got, err)

	// Nor is one that changed hands: a new nonce is not a beat that moved.
	s.silent(t, "skip@3", 400*time.Millisecond, 100*time.Millisecond, nil)
	b := s.locker(t, "b", job("J2"))
	if _, err := b.Try(soon(t), "skip@3"); !errors.As(err, &held) || held.Moving {
		t.Fatalf("%v, want held and not moving", err)
	}
	s.set(t, "skip@3", bson.D{{Key: "nonce", Value: "another"}, {Key: "beat", Value: int64(9)}})
	if _, err := b.Try(soon(t), "skip@3"); !errors.As(err, &held) || held.Moving {
		t.Errorf("%v, want held and not moving", err)
	}
}

func (s *suite) alone(t *testing.T) {
	a, b := s.locker(t, "a", job("J1")), s.locker(t, "b", job("J2"))
	one, err := a.AcquireAlone(soon(t), "job@1", "job")
	if err != nil {
		t.Fatal(err)
	}
	if one.Token() != one.Job.Token() || one.Deadline() > one.Run.Deadline() || one.Deadline() > one.Job.Deadline() || !one.Held() {
		t.Error("a pair is held until the earlier deadline, with the job's token")
	}
	// Run 2 waits for run 1.
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	var wait *mongolock.WaitError
	if _, err := b.AcquireAlone(ctx, "job@2", "job", mongolock.SkipIfHeld()); !errors.As(err, &wait) || wait.Key != "job" {
		t.Fatalf("%v, want waited for the job", err)
	}
	if err := one.Finish(soon(t), mongolock.Succeeded); err != nil {
		t.Fatal(err)
	}
	// Run 1 is done, and the job's key is free for run 2.
	var done *mongolock.DoneError
	if _, err := b.AcquireAlone(soon(t), "job@1", "job"); !errors.As(err, &done) {
		t.Errorf("%v, want done", err)
	}
	two, err := b.AcquireAlone(soon(t), "job@2", "job")
	if err != nil {
		t.Fatal(err)
	}
	if two.Token() <= one.Token() {
		t.Errorf("token %d after %d", two.Token(), one.Token())
	}
	// The loss of either is a loss.
	s.set(t, "job", bson.D{{Key: "nonce", Value: "somebody-else"}})
	select {
	case <-two.Done():
	case <-time.After(short().TTL):
		t.Fatal("the pair outlived one of its leases")
	}
	if !errors.Is(two.Err(), mongolock.ErrLost) || two.Held() {
		t.Errorf("ended with %v", two.Err())
	}
	if err := two.Finish(soon(t), mongolock.Failed); !errors.Is(err, mongolock.ErrLost) {
		t.Errorf("finished with %v, want the loss of the job's key", err)
	}
	if _, err := a.AcquireAlone(soon(t), "same", "same"); !errors.Is(err, mongolock.ErrConfig) {
		t.Errorf("one key twice: %v", err)
	}
}

func (s *suite) waiting(t *testing.T) {
	a, b := s.locker(t, "a"), s.locker(t, "b")
	lease, err := a.Try(soon(t), "wait")
	must(t, lease, err)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var (
		wait *mongolock.WaitError
		held *mongolock.HeldError
	)
	if _, err := b.Acquire(ctx, "wait"); !errors.As(err, &wait) || !errors.As(err, &held) || held.Info.Owner != "a" || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline and the holder", err)
	}
	got := make(chan error, 1)
	go func() {
		next, err := b.Acquire(soon(t), "wait")
		if err == nil {
			err = next.Release(soon(t))
		}
		got <- err
	}()
	if err := lease.Release(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := <-got; err != nil {
		t.Error(err)
	}
}

// changeStream: with a poll of an hour only the hint can hand over.
func (s *suite) changeStream(t *testing.T) {
	a := s.locker(t, "a")
	b := s.locker(t, "b", func(o *mongolock.Options) { o.Poll, o.ChangeStream = time.Hour, true })
	lease, err := a.Try(soon(t), "hint", mongolock.TTL(time.Hour))
	must(t, lease, err)
	got := make(chan error, 1)
	go func() {
		next, err := b.Acquire(soon(t), "hint")
		if err == nil {
			err = next.Release(soon(t))
		}
		got <- err
	}()
	// The stream opens some time after the wait begins, and shows nothing from before: change hands until it has.
	for {
		if err := lease.Release(soon(t)); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-got:
			if err != nil {
				t.Error(err)
			}
			return
		case <-time.After(300 * time.Millisecond):
		}
		if lease, err = a.Try(soon(t), "hint", mongolock.TTL(time.Hour)); err != nil {
			if err := <-got; err != nil {
				t.Error(err)
			}
			return
		}
		must(t, lease, err)
	}
}
