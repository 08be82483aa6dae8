package mongolock

import (
	"errors"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/fakemongo"
)

// Unknown is not success (P4), at exact instants: ttl 30 s, operation 6 s, kill budget 5 s, drift 0.3 s.

func TestP4_LostReplyIsAskedAgainAndOpensByARenewal(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict {
			switch c.N {
			case 0:
				return fakemongo.Verdict{LoseReply: true}
			case 2:
				return fakemongo.Verdict{ReplyDelay: 2 * time.Second}
			}
			return fakemongo.Verdict{}
		})
		var nonces []string
		keep := OnNonce(func(n string) error { nonces = append(nonces, n); return nil })
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key", keep))
		sent := w.sent(0)
		if len(sent) != 3 || !sent[0].Upsert || !sent[1].Upsert || sent[2].Upsert {
			t.Fatalf("sent %d calls, want acquire, acquire, renewal: %+v", len(sent), sent)
		}
		for i, c := range sent {
			if len(nonces) != 1 || c.Nonce != nonces[0] {
				t.Errorf("call %d has the nonce %q, told of %q", i, c.Nonce, nonces)
			}
		}
		if got, want := lease.Deadline(), l.Timing().Deadline(sent[2].At); got != want {
			t.Errorf("deadline %v, want %v: it counts from the sending of the renewal at %v", got, want, sent[2].At)
		}
		if now := w.Now(); now != sent[2].At+2*time.Second {
			t.Errorf("opened at %v, the renewal was acknowledged at %v", now, sent[2].At+2*time.Second)
		}
	})
}

func TestP4_EveryReplyLostIsGivenUpWithARelease(t *testing.T) {
	for name, lose := range map[string]func(sentCall) bool{
		"every acquire":           func(c sentCall) bool { return c.Upsert },
		"the acquire, renewals":   func(c sentCall) bool { return c.N != 1 },
		"everything for a minute": func(c sentCall) bool { return c.At < time.Minute },
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{LoseReply: lose(c)} })
			l := w.locker(t, 0)
			lease, err := l.Try(t.Context(), "key")
			if err == nil {
				t.Fatal("a lease that the store never acknowledged")
			}
			if lease != nil {
				t.Error("a lease and an error")
			}
			// No longer than a lease that counted from the answered try (a little after a lost one),
			// the renewal that was under way at its end, and the release.
			if most := l.Timing().Deadline(0) + 3*l.Timing().Operation + time.Second; w.Now() > most {
				t.Errorf("given up after %v, want at most %v", w.Now(), most)
			}
			d := w.doc("key")
			if d == nil || d.Locked || d.State != stateFree || d.lastNonce != w.sent(0)[0].Nonce {
				t.Errorf("left behind: %+v", d)
			}
			time.Sleep(time.Minute)
			w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
			kept(t)(l.Try(t.Context(), "key"))
		})
	}
}

// TestP4_RepeatAnsweredByAnOldPrimary: the repeat is a no-op, which a primary
// without its majority answers as if nothing were. Opening on it makes two holders.
func TestP4_RepeatAnsweredByAnOldPrimary(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		a, b := w.locker(t, 0), w.locker(t, 1)
		w.put(t, 1, bsonKey("other"))
		w.cluster.Isolate(0)
		got := make(chan error, 1)
		go func() {
			lease, err := a.Try(t.Context(), "key")
			if lease != nil {
				defer release(t, lease)
				t.Error("opened by an answer that needed no majority")
				if second, _ := b.Try(t.Context(), "key"); second != nil {
					t.Error("two holders")
					defer release(t, second)
				}
			}
			got <- err
		}()
		time.Sleep(time.Second)
		w.cluster.Elect(nil)
		if err := <-got; err == nil || errors.Is(err, ErrLost) {
			t.Errorf("%v, want unknown", err)
		}
		if repeats := len(w.sent(0)); repeats < 3 {
			t.Errorf("%d calls: the old primary was never asked again", repeats)
		}
		lease := kept(t)(b.Try(t.Context(), "key"))
		w.cluster.Rejoin()
		time.Sleep(20 * time.Second)
		if !lease.Held() {
			t.Error("the holder of the majority's side lost it")
		}
	})
}

func TestP4_WriteConcernErrorIsUnknown(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(func(c sentCall) fakemongo.Verdict { return fakemongo.Verdict{WriteConcernError: c.N == 0 || c.N == 3} })
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		if sent := w.sent(0); len(sent) != 3 || !sent[1].Upsert || sent[1].Nonce != sent[0].Nonce || sent[2].Upsert {
			t.Errorf("%d calls, want acquire, the same again, renewal", len(sent))
		}
		before := lease.Deadline()
		time.Sleep(l.Timing().Heartbeat)
		// Call 3 is the first renewal of the loop: not acknowledged, so the deadline stands, until it is repeated.
		if lease.Deadline() != before {
			t.Error("a write concern error moved the deadline")
		}
		time.Sleep(l.Timing().Heartbeat / 2)
		if lease.Deadline() <= before || !lease.Held() {
			t.Error("the renewal was not repeated")
		}
	})
}

// TestP4_ErrorsThatSayNothing: the servers' answers to a race of first
// inserts, and a member that is no primary any more, are asked again with the same nonce.
func TestP4_ErrorsThatSayNothing(t *testing.T) {
	for name, c := range map[string]struct {
		code    int32
		confirm bool // the answer after it has to be confirmed
	}{
		"E11000":             {fakemongo.CodeDuplicateKey, false},
		"NotWritablePrimary": {fakemongo.CodeNotWritablePrimary, true},
		"stepped down":       {fakemongo.CodePrimarySteppedDown, true},
		"out of time":        {fakemongo.CodeMaxTimeMSExpired, true},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			w.fault(fakemongo.Verdict{Code: c.code}, func(s sentCall) bool { return s.N < 2 })
			kept(t)(w.locker(t, 0).Try(t.Context(), "key"))
			sent := w.sent(0)
			want := 3
			if c.confirm {
				want = 4
			}
			if len(sent) != want {
				t.Errorf("%d calls, want %d", len(sent), want)
			}
			for _, s := range sent {
				if s.Nonce != sent[0].Nonce {
					t.Error("another nonce")
				}
			}
		})
	}
}

func TestP4_RefusedIsReturnedAtOnce(t *testing.T) {
	for _, code := range []int32{13, 18, 8000, 59, 72} {
		inBubble(t, func(t *testing.T, w *world) {
			w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{Code: code} })
			l := w.locker(t, 0)
			for name, call := range map[string]func() error{
				"Try":          func() error { _, err := l.Try(t.Context(), "key"); return err },
				"Acquire":      func() error { _, err := l.Acquire(t.Context(), "key"); return err },
				"AcquireAlone": func() error { _, err := l.AcquireAlone(t.Context(), "key", "job"); return err },
			} {
				before := len(w.sent(0))
				if err := call(); err == nil || w.Now() != 0 || len(w.sent(0)) != before+1 {
					t.Errorf("%s, code %d: %v after %v and %d calls", name, code, err, w.Now(), len(w.sent(0))-before)
				}
			}
		})
	}
}

// TestP4_GhostCostsOneSilence: an acquisition that arrives after everything was given up is taken over like any silent holder.
func TestP4_GhostCostsOneSilence(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.fault(fakemongo.Verdict{RequestDelay: 2 * time.Minute}, func(c sentCall) bool { return c.Process == 0 && c.Upsert })
		if _, err := w.locker(t, 0).Try(t.Context(), "key"); err == nil {
			t.Fatal("acquired")
		}
		time.Sleep(3 * time.Minute)
		if d := w.doc("key"); d == nil || !d.ours() {
			t.Fatalf("no ghost: %+v", d)
		}
		b := w.locker(t, 1)
		begun := w.Now()
		kept(t)(b.Acquire(t.Context(), "key"))
		if took := w.Now() - begun; took < b.Timing().Silence() || took > b.Timing().Silence()+time.Second {
			t.Errorf("taken over after %v, want one silence of %v", took, b.Timing().Silence())
		}
	})
}
