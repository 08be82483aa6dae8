package mongolock

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// At exact instants: ttl 30 s, heartbeat 10 s, operation 6 s, deadline 24.7 s after the sending.

func TestP5_DeadlineCountsFromTheSending(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{ReplyDelay: 3 * time.Second} })
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		if w.Now() != 3*time.Second || lease.Deadline() != l.Timing().Deadline(0) {
			t.Errorf("at %v the deadline is %v, want %v", w.Now(), lease.Deadline(), l.Timing().Deadline(0))
		}
		for n := 1; n <= 3; n++ {
			sent := time.Duration(n) * l.Timing().Heartbeat
			time.Sleep(sent + 2*time.Second - w.Now())
			if want := l.Timing().Deadline(sent - l.Timing().Heartbeat); lease.Deadline() != want {
				t.Errorf("before renewal %d is acknowledged the deadline is %v, want %v", n, lease.Deadline(), want)
			}
			time.Sleep(2 * time.Second)
			if want := l.Timing().Deadline(sent); lease.Deadline() != want {
				t.Errorf("after renewal %d the deadline is %v, want %v", n, lease.Deadline(), want)
			}
		}
	})
}

// TestP5_LostAtTheDeadlineWhileCallsHang: nothing that the store does or leaves undone moves the loss.
func TestP5_LostAtTheDeadlineWhileCallsHang(t *testing.T) {
	for name, v := range map[string]fakemongo.Verdict{
		"request lost": {LoseRequest: true}, "reply lost": {LoseReply: true}, "reset": {Reset: true},
		"no primary": {Code: fakemongo.CodeNotWritablePrimary}, "no majority": {WriteConcernError: true},
		"forbidden": {Code: 13}, "late reply": {ReplyDelay: 20 * time.Second},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			lease := kept(t)(l.Try(t.Context(), "key"))
			w.on(func(sentCall) fakemongo.Verdict { return v })
			deadline := lease.Deadline()
			time.Sleep(deadline - w.Now() - 1)
			if !lease.Held() || lease.Err() != nil {
				t.Errorf("lost before the deadline: %v", lease.Err())
			}
			time.Sleep(time.Nanosecond)
			if lease.Held() || lease.Remaining() > 0 {
				t.Error("held at the deadline")
			}
			<-lease.Done()
			var lost *LostError
			if err := lease.Err(); w.Now() != deadline || !errors.As(err, &lost) || lost.Reason != LostDeadline || lost.Last == nil {
				t.Errorf("at %v, deadline %v: %v", w.Now(), deadline, err)
			}
			w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
			time.Sleep(time.Minute)
			if lease.Held() || lease.Deadline() != deadline {
				t.Error("held again")
			}
			if n := len(w.seen(EventLost)); n != 1 {
				t.Errorf("told of the loss %d times", n)
			}
		})
	}
}

func TestP5_LostReplyOfARenewalIsAskedAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseReply: c.N == 1 || c.N == 2} })
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		time.Sleep(24*time.Second + 600*time.Millisecond)
		sent := w.sent(0)
		if len(sent) < 4 || !lease.Held() || lease.Deadline() != l.Timing().Deadline(sent[len(sent)-1].At) {
			t.Errorf("%d calls, held %v, deadline %v", len(sent), lease.Held(), lease.Deadline())
		}
		if d := w.doc("key"); d.beat < 3 {
			t.Errorf("beat %d: a number was used twice", d.beat)
		}
		time.Sleep(5 * time.Minute)
		if !lease.Held() || len(w.seen(EventLost)) > 0 {
			t.Error("lost")
		}
	})
}

// frozen is a clock that runs on while the process does not: what a SIGSTOP looks like from inside.
type frozen struct {
	*world
	mu     sync.Mutex
	jumped time.Duration
}

func (f *frozen) Now() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.world.Now() + f.jumped
}

func (f *frozen) jump(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.jumped += d
}

// TestP5_LateAnswerDoesNotReopen: the process slept past its deadline with an
// answer on its way. What was not held any more is never held again.
func TestP5_LateAnswerDoesNotReopen(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		clock := &frozen{world: w}
		l := w.locker(t, 0, func(o *Options) { o.Clock = clock })
		lease := kept(t)(l.Try(t.Context(), "key"))
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{ReplyDelay: time.Millisecond} })
		deadline := lease.Deadline()
		// Just before the first heartbeat a renewal is sent, and the machine sleeps. It is acknowledged on waking, before the watchdog has looked.
		result := make(chan error, 1)
		time.Sleep(l.Timing().Heartbeat - time.Millisecond)
		go func() { result <- lease.Renew(t.Context()) }()
		time.Sleep(time.Nanosecond)
		clock.jump(deadline - clock.Now())
		if lease.Held() {
			t.Fatal("held at the deadline")
		}
		time.Sleep(2 * time.Millisecond)
		if err := <-result; !errors.Is(err, ErrLost) {
			t.Errorf("renewed: %v", err)
		}
		if lease.Held() || lease.Deadline() != deadline {
			t.Error("held again")
		}
		<-lease.Done()
	})
}

// TestP5_WatchdogLooksAtTheClockNotAtItsTimer: Go's timers stand still while a machine is suspended.
func TestP5_WatchdogLooksAtTheClockNotAtItsTimer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		clock := &frozen{world: w}
		l := w.locker(t, 0, func(o *Options) { o.Clock = clock })
		lease := kept(t)(l.Try(t.Context(), "key"))
		time.Sleep(time.Second + time.Millisecond)
		clock.jump(time.Hour)
		time.Sleep(time.Second)
		if lease.Err() == nil {
			t.Error("not lost a second after a suspension of an hour")
		}
	})
}

func TestP5_LossIsToldWithTheSuccessor(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		lease := kept(t)(a.Try(t.Context(), "key"))
		must.Get(b.ForceReleaseNow(t.Context(), "key"))(t)
		kept(t)(b.Try(t.Context(), "key"))
		<-lease.Done()
		if w.Now() > a.Timing().Heartbeat+time.Second {
			t.Errorf("told after %v, want the next heartbeat", w.Now())
		}
		time.Sleep(time.Second)
		if s := w.seen(EventSuccessor); len(s) != 1 || s[0].Info.Owner != "process-1" || s[0].Token != lease.Token() {
			t.Errorf("told of %+v", s)
		}
	})
}

// TestP5_LossIsToldOnce: watchdog and renewal may find out at once.
func TestP5_LossIsToldOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
		first := &LostError{Key: "key", Reason: LostDeadline}
		lease.lose(first)
		lease.lose(&LostError{Key: "key", Reason: LostTaken})
		if told := w.seen(EventLost); len(told) != 1 || told[0].Err != error(first) || lease.Err() != error(first) { //nolint:errorlint // this very error
			t.Errorf("told %d times, ended with %v", len(told), lease.Err())
		}
	})
}

// TestP5_BeatIsNotBornTwice: what was rolled back is not used again, or a
// challenger that saw it takes a moving holder for one that stands still.
func TestP5_BeatIsNotBornTwice(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		w.cluster.Isolate(0)
		time.Sleep(l.Timing().Heartbeat + time.Second) // the first renewal is applied there, and waits for its majority
		w.cluster.Elect(nil)
		w.cluster.Rejoin()
		if lost := w.cluster.RolledBack(); len(lost) == 0 || decode(lost[0].After).beat != 1 {
			t.Fatalf("rolled back: %v", lost)
		}
		for w.doc("key").beat == 0 && w.Now() < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if beat := w.doc("key").beat; beat < 2 || !lease.Held() {
			t.Errorf("beat %d after beat 1 was rolled back; held %v", beat, lease.Held())
		}
	})
}

// TestP5_RefusedRenewalIsUnknown: a right that was taken away may come back within the lease.
func TestP5_RefusedRenewalIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		w.fault(fakemongo.Verdict{Code: 13}, func(c sentCall) bool { return c.At < 20*time.Second })
		time.Sleep(time.Minute)
		if !lease.Held() {
			t.Error(lease.Err())
		}
	})
}

func TestP11_RevokedHolderKeepsTheKeyUntilItReleases(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		lease := kept(t)(a.Try(t.Context(), "key"))
		must.Get(b.Revoke(t.Context(), "key"))(t)
		<-lease.Done()
		var lost *LostError
		if !errors.As(lease.Err(), &lost) || lost.Reason != LostRevoked || w.Now() > a.Timing().Heartbeat {
			t.Errorf("%v after %v", lease.Err(), w.Now())
		}
		// It stops its work, which takes a while, and challengers wait.
		ctx := within(t, 20*time.Second)
		var wait *WaitError
		if _, err := b.Acquire(ctx, "key"); !errors.As(err, &wait) {
			t.Errorf("%v, want waited", err)
		}
		must.Do(t, lease.Release(t.Context()))
		kept(t)(b.Try(t.Context(), "key"))
	})
}

// TestP11_NobodyHeldItWhenItWasRevoked: whoever acquires the key between the two calls of a revocation is one of ours, and
// is not taken for a Python worker, whom nobody can ask.
func TestP11_NobodyHeldItWhenItWasRevoked(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		w.fault(fakemongo.Verdict{RequestDelay: time.Second}, func(c sentCall) bool { return c.Process == 1 && c.Command == "find" })
		told := make(chan error, 1)
		go func() {
			_, err := b.Revoke(t.Context(), "key")
			told <- err
		}()
		time.Sleep(time.Second / 2)
		kept(t)(a.Try(t.Context(), "key"))
		if err := <-told; !errors.Is(err, ErrNotHeld) || strings.Contains(err.Error(), "Python") {
			t.Errorf("%v, want that nobody held it", err)
		}
	})
}

// TestP11_ForcedBeforeTheAnswer: the answer to an acquisition is lost, and an operator frees the key before the repeat of
// the request. Nobody holds the key then, and Try does not say that somebody does.
func TestP11_ForcedBeforeTheAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, operator := w.locker(t, 0), w.locker(t, 1)
		w.on(func(c sentCall) fakemongo.Verdict {
			return fakemongo.Verdict{LoseReply: c.Process == 0 && c.N == 0}
		})
		told := make(chan error, 1)
		go func() {
			_, err := a.Try(t.Context(), "key")
			told <- err
		}()
		time.Sleep(time.Second)
		if i, err := operator.ForceReleaseNow(t.Context(), "key"); err != nil || i.Token == 0 {
			t.Fatalf("%+v, %v", i, err)
		}
		var held *HeldError
		if err := <-told; !errors.Is(err, ErrUnknown) || errors.As(err, &held) {
			t.Errorf("%v, want unknown", err)
		}
		kept(t)(a.Try(t.Context(), "key"))
	})
}

// TestP3_FailOverToAClockThatIsAhead: nothing of the wall clock robs a holder that lives, or one that died.
func TestP3_FailOverToAClockThatIsAhead(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		lease := kept(t)(a.Try(t.Context(), "key"))
		w.cluster.SetNow(func() time.Time { return time.Now().Add(24 * time.Hour) })
		var held *HeldError
		for range 20 {
			if _, err := b.Try(t.Context(), "key"); !errors.As(err, &held) {
				t.Fatalf("%v, want held", err)
			}
			time.Sleep(time.Second)
		}
		// The holder is cut off. The challenger takes over one silence after the last beat it saw, whatever the clocks say.
		w.cluster.Cut(0, true)
		w.cluster.SetNow(func() time.Time { return time.Now().Add(-24 * time.Hour) })
		next := kept(t)(b.Acquire(t.Context(), "key"))
		<-lease.Done()
		if next.Token() <= lease.Token() {
			t.Errorf("token %d after %d, with a clock that went back two days", next.Token(), lease.Token())
		}
		last := w.sent(0)
		beat := last[0].At
		for _, c := range last {
			if c.At < 20*time.Second {
				beat = c.At
			}
		}
		if since := w.Now() - beat; since < b.Timing().Silence() || since > b.Timing().Silence()+b.opts.Poll+b.Timing().Operation {
			t.Errorf("taken over %v after the last beat, want the silence of %v and at most a poll and a call more", since, b.Timing().Silence())
		}
		w.cluster.Cut(0, false)
	})
}

func TestP7_TokenOutlivesADeletionAndAClockThatStepsBack(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		release(t, lease)
		must.Get(l.conn.current().coll.DeleteOne(t.Context(), bsonKey("key")))(t)
		w.cluster.SetNow(func() time.Time { return time.Now().Add(-time.Hour) })
		next := kept(t)(l.Try(t.Context(), "key"))
		if next.Token() <= lease.Token() {
			t.Errorf("token %d after %d: this process has seen the larger one", next.Token(), lease.Token())
		}
	})
}

// TestP7_TokenGrowsWithoutAClockOrMemory: one that has never seen the key, and a server whose clock went back.
func TestP7_TokenGrowsWithoutAClockOrMemory(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		lease := kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
		release(t, lease)
		w.cluster.SetNow(func() time.Time { return time.Now().Add(-time.Hour) })
		next := kept(t)(w.locker(t, 1).Try(t.Context(), "key"))
		if next.Token() != lease.Token()+1 {
			t.Errorf("token %d after %d, want one more", next.Token(), lease.Token())
		}
	})
}

func TestP10_WaitingReadsAndTriesOnlyWhereItMayWin(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		lease := kept(t)(a.Try(t.Context(), "key"))
		go func() {
			time.Sleep(2 * time.Minute)
			release(t, lease)
		}()
		kept(t)(b.Acquire(t.Context(), "key"))
		if late := w.Now() - 2*time.Minute; late > b.opts.Poll {
			t.Errorf("handed over %v after the release, want at most a poll of %v", late, b.opts.Poll)
		}
		reads, tries := 0, 0
		for _, c := range w.sent(1) {
			if c.Command == "find" {
				reads++
			} else {
				tries++
			}
		}
		// The first look and the last are tries; between them 120 s of polls of 5 s, each drawn from 75 to 95 % of that.
		if tries != 2 || reads < 25 || reads > 33 {
			t.Errorf("%d reads and %d tries", reads, tries)
		}
	})
}

func TestWithReleasesWhenItsFunctionPanics(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_ = l.With(t.Context(), "key", func(context.Context) error { panic("oops") })
		}()
		if d := w.doc("key"); d.Locked {
			t.Error("still locked")
		}
	})
}

func TestWithGivesBackWhenItsContextHasEnded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		ctx, cancel := context.WithCancel(t.Context())
		err := l.With(ctx, "key", func(ctx context.Context) error { cancel(); return ctx.Err() })
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrLost) {
			t.Error(err)
		}
		if d := w.doc("key"); d.Locked {
			t.Error("still locked")
		}
	})
}

// TestP1_EveryCallAsksForAMajority looks at the commands as they are sent.
func TestP1_EveryCallAsksForAMajority(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		must.Do(t, errors.Join(lease.Renew(t.Context()), lease.IsHeld(t.Context())))
		must.Get(l.Revoke(t.Context(), "key"))(t)
		must.Get(l.look(t.Context(), "key"))(t)
		release(t, lease)
		commands := map[string]int{}
		for _, c := range w.sent(0) {
			commands[c.Command]++
			concern, want := "writeConcern", bson.D{{Key: "w", Value: "majority"}, {Key: "j", Value: true}}
			if c.Command == "find" {
				concern, want = "readConcern", bson.D{{Key: "level", Value: "majority"}}
			}
			var got bson.D
			for _, e := range c.Body {
				if e.Key == concern {
					got, _ = e.Value.(bson.D)
				}
				if e.Key == "txnNumber" {
					t.Errorf("%s is the driver's to repeat", c.Command)
				}
			}
			have := map[string]any{}
			for _, e := range got {
				have[e.Key] = e.Value
			}
			for _, e := range want {
				if have[e.Key] != e.Value {
					t.Errorf("%s has the %s %v, want %v", c.Command, concern, got, want)
				}
			}
		}
		if commands["findAndModify"] != 4 || commands["update"] != 1 || commands["find"] != 1 {
			t.Errorf("sent %v", commands)
		}
	})
}
