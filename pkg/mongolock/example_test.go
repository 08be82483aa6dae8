package mongolock_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/boottime"
	"github.com/mongogate/mongogate/pkg/mongolock"
)

// uri is that of the server of this repository's tests. Yours comes from a variable or a file, never from a flag.
func uri() string {
	s, err := mongolock.SharedServer(0)
	check(err)
	return s.URI
}

// open is a Locker for an example. It is closed after the last one.
func open(owner string, change ...func(*mongolock.Options)) *mongolock.Locker {
	o := mongolock.Options{Database: mongolock.TestDatabase, Collection: "examples", Owner: owner, Poll: 50 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	l, err := mongolock.Connect(uri(), o)
	check(err)
	mongolock.CloseAfterTheTests(l)
	return l
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func Example() {
	ctx := context.Background()
	locker, err := mongolock.Connect(uri(), mongolock.Options{Database: mongolock.TestDatabase, Owner: "worker-1"})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close(ctx)

	err = locker.With(ctx, "nightly-report", func(ctx context.Context) error {
		// ctx ends when the lock is lost: stop within the kill budget.
		fmt.Println("only one of us is here")
		return nil
	})
	var held *mongolock.HeldError
	switch {
	case errors.As(err, &held):
		fmt.Println("somebody else has it:", held.Info.Owner)
	case errors.Is(err, mongolock.ErrLost):
		fmt.Println("the lock was lost while the work ran")
	case err != nil:
		log.Fatal(err)
	}
	// Output: only one of us is here
}

func ExampleConnect() {
	locker, err := mongolock.Connect(uri(), mongolock.Options{
		Database: mongolock.TestDatabase, // mongolock, if empty, as for the Python library
		Owner:    "worker-1",             // the host's name, if empty
		Timing:   mongolock.Timing{TTL: time.Minute},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close(context.Background())
	fmt.Println(locker.Timing().Heartbeat)
	// Output: 10s
}

func ExampleNew() {
	client, err := mongo.Connect(options.Client().ApplyURI(uri()))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Disconnect(context.Background())

	// The client is yours; its concerns and preferences are not used where it matters.
	locker, err := mongolock.New(client.Database(mongolock.TestDatabase).Collection("locks"), mongolock.Options{Owner: "worker-1"})
	if err != nil {
		log.Fatal(err)
	}
	defer locker.Close(context.Background())
	lease, err := locker.Try(context.Background(), "my-client")
	check(err)
	fmt.Println(lease.Key())
	check(lease.Release(context.Background()))
	// Output: my-client
}

func ExampleCheckURI() {
	fmt.Println(mongolock.CheckURI("mongodb://user:secret@db.example/?w=1"))
	fmt.Println(mongolock.CheckURI("mongodb://user:sec%ret@db.example/") != nil)
	fmt.Println(mongolock.CheckURI("mongodb+srv://user:secret@cluster0.example.net/?retryWrites=true&w=majority"))
	// Output:
	// MongoDB URI: w=1: a lock needs w=majority; leave w out
	// true
	// <nil>
}

func ExampleCheckKey() {
	fmt.Println(mongolock.CheckKey("shop/reports@2026-11-22T03:00Z"))
	fmt.Println(mongolock.CheckKey(" reports"))
	// Output:
	// <nil>
	// key: " reports": begins or ends with a blank
}

func ExampleOptions() {
	// Everything that is wrong is said at once.
	_, err := mongolock.Connect("mongodb://db.example/", mongolock.Options{
		Poll:   -time.Second,
		Timing: mongolock.Timing{TTL: 30 * time.Second, Heartbeat: 20 * time.Second},
	})
	fmt.Println(errors.Is(err, mongolock.ErrConfig))
	fmt.Println(err)
	// Output:
	// true
	// bad configuration: heartbeat 20s + 2 × operation timeout 6s = 32s > ttl 30s − kill budget 5s − drift 300ms = 24.7s: one failed renewal would lose the lease
	// poll -1s: must be positive
}

func ExampleTiming() {
	t := mongolock.Timing{TTL: time.Minute}.WithDefaults()
	fmt.Println("renews every", t.Heartbeat)
	fmt.Println("each call ends after", t.Operation)
	fmt.Println("stops the work after", t.Deadline(0), "without an acknowledged renewal")
	fmt.Println("is replaced after", t.Silence(), "of silence")
	fmt.Println(t.Validate())
	// Output:
	// renews every 10s
	// each call ends after 12s
	// stops the work after 49.4s without an acknowledged renewal
	// is replaced after 1m10s of silence
	// <nil>
}

func ExampleLocker_Try() {
	ctx := context.Background()
	a, b := open("a"), open("b")

	lease, err := a.Try(ctx, "try")
	check(err)
	_, err = b.Try(ctx, "try")
	var held *mongolock.HeldError
	if errors.As(err, &held) {
		fmt.Println("held by", held.Info.Owner)
	}
	check(lease.Release(ctx))
	// Output: held by a
}

func ExampleLocker_Acquire() {
	a, b := open("a"), open("b")
	lease, err := a.Try(context.Background(), "acquire")
	check(err)

	// It waits for as long as ctx lets it.
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err = b.Acquire(ctx, "acquire")
	var wait *mongolock.WaitError
	if errors.As(err, &wait) {
		fmt.Println("waited for", wait.Held.Info.Owner, "until:", wait.Cause)
	}

	check(lease.Release(context.Background()))
	lease, err = b.Acquire(context.Background(), "acquire")
	check(err)
	fmt.Println("held by", lease.Info().Owner)
	check(lease.Release(context.Background()))
	// Output:
	// waited for a until: context deadline exceeded
	// held by b
}

func ExampleLocker_With() {
	ctx := context.Background()
	locker := open("a")
	// It waits for the key until ctx ends; work's context ends when the lock is lost.
	err := locker.With(ctx, "with", func(work context.Context) error {
		locked, err := locker.IsLocked(work, "with")
		fmt.Println(locked)
		return err
	})
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}

func ExampleWithin() {
	ctx := context.Background()
	a, b := open("a"), open("b")
	work := func(context.Context) error { return nil }
	err := a.With(ctx, "within", func(ctx context.Context) error {
		// As Python's with lock(key, owner, expire=60, timeout=0.2).
		err := b.With(ctx, "within", work, mongolock.TTL(time.Minute), mongolock.Within(200*time.Millisecond))
		var wait *mongolock.WaitError
		if errors.As(err, &wait) && errors.Is(err, mongolock.ErrTimeout) {
			fmt.Println("waited in vain for", wait.Held.Info.Owner)
		}
		// Zero looks once.
		err = b.With(ctx, "within", work, mongolock.Within(0))
		var held *mongolock.HeldError
		if errors.As(err, &held) {
			fmt.Println("held by", held.Info.Owner)
		}
		return nil
	})
	check(err)
	// Output:
	// waited in vain for a
	// held by a
}

func ExampleLocker_AcquireAlone() {
	ctx := context.Background()
	locker := open("a")
	// The run of this hour, and no run of the job beside it.
	runs, err := locker.AcquireAlone(ctx, "backup@2026-11-22T03Z", "backup")
	check(err)
	fmt.Println(runs.Key(), runs.Held())
	check(runs.Finish(ctx, mongolock.Succeeded))

	_, err = locker.AcquireAlone(ctx, "backup@2026-11-22T03Z", "backup")
	var done *mongolock.DoneError
	fmt.Println(errors.As(err, &done))
	// Output:
	// backup@2026-11-22T03Z true
	// true
}

func ExampleTTL() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "ttl", mongolock.TTL(10*time.Minute))
	check(err)
	fmt.Println(lease.Info().TTL, lease.Remaining() > 8*time.Minute)
	check(lease.Release(ctx))
	// Output: 10m0s true
}

func ExampleAdopt() {
	ctx := context.Background()
	before, after := open("pod"), open("pod")
	// A process keeps the nonce where the one after it finds it, and ends.
	var kept string
	old, err := before.Try(ctx, "adopt", mongolock.OnNonce(func(n string) error { kept = n; return nil }))
	check(err)
	old.Leave()

	lease, err := after.Acquire(ctx, "adopt", mongolock.Adopt(kept))
	check(err)
	history, err := after.History(ctx, "adopt")
	check(err)
	fmt.Println(history[len(history)-1].How)
	check(lease.Release(ctx))
	// Output: adopted
}

func ExampleAdoptFrom() {
	ctx := context.Background()
	before, after := open("pod"), open("pod")
	old, err := before.Try(ctx, "adopt-from")
	check(err)
	defer old.Release(ctx)
	// The nonces are asked for before each try: here only once the caller has a lock of its own.
	mine := true
	lease, err := after.Acquire(ctx, "adopt-from", mongolock.AdoptFrom(func() []string {
		if !mine {
			return nil
		}
		return []string{old.Nonce()}
	}))
	check(err)
	fmt.Println(lease.Token() > old.Token())
	check(lease.Release(ctx))
	// Output: true
}

func ExampleOnNonce() {
	ctx := context.Background()
	locker := open("a")
	// What cannot be kept is not acquired.
	_, err := locker.Try(ctx, "on-nonce", mongolock.OnNonce(func(string) error { return errors.New("disk full") }))
	fmt.Println(err)
	locked, err := locker.IsLocked(ctx, "on-nonce")
	fmt.Println(locked, err)
	// Output:
	// keeping the nonce of lock "on-nonce": disk full
	// false <nil>
}

func ExampleSkipIfHeld() {
	ctx := context.Background()
	job := func(uid string) func(*mongolock.Options) {
		return func(o *mongolock.Options) {
			o.Holder.JobUID = uid
			o.Timing = mongolock.Timing{TTL: 5 * time.Second, Heartbeat: 100 * time.Millisecond}
		}
	}
	a, b := open("a", job("job-in-cluster-1")), open("b", job("job-in-cluster-2"))
	lease, err := a.Try(ctx, "report@2026-11-22")
	check(err)
	// b returns once it has seen a renew: that run is in living hands.
	_, err = b.Acquire(ctx, "report@2026-11-22", mongolock.SkipIfHeld())
	var held *mongolock.HeldError
	fmt.Println(errors.As(err, &held) && held.Moving)
	check(lease.Release(ctx))
	// Output: true
}

func ExampleOnly() {
	locker := open("a")
	ready := false
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	_, err := locker.Acquire(ctx, "only", mongolock.Only(func() bool { return ready }))
	fmt.Println(errors.Is(err, context.DeadlineExceeded))

	ready = true
	lease, err := locker.Acquire(context.Background(), "only", mongolock.Only(func() bool { return ready }))
	check(err)
	check(lease.Release(context.Background()))
	// Output: true
}

func ExampleLease_Done() {
	ctx := context.Background()
	locker := open("a", func(o *mongolock.Options) { o.Timing.Heartbeat = 50 * time.Millisecond })
	lease, err := locker.Try(ctx, "done")
	check(err)
	_, err = locker.Revoke(ctx, "done")
	check(err)

	<-lease.Done()
	var lost *mongolock.LostError
	if errors.As(lease.Err(), &lost) {
		fmt.Println(lost.Reason, lease.Held())
	}
	// The work has been stopped: give the key back.
	check(lease.Release(ctx))
	// Output: revoked false
}

func ExampleLease_Err() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "err")
	check(err)
	fmt.Println(lease.Err())
	check(lease.Release(ctx))
	fmt.Println(lease.Err())
	// Output:
	// <nil>
	// lease finished
}

func ExampleLease_Context() {
	locker := open("a", func(o *mongolock.Options) { o.Timing.Heartbeat = 50 * time.Millisecond })
	lease, err := locker.Try(context.Background(), "context")
	check(err)
	ctx, stop := lease.Context(context.Background())
	defer stop()

	_, err = locker.ForceReleaseNow(context.Background(), "context")
	check(err)
	<-ctx.Done()
	fmt.Println(context.Cause(ctx))
	check(lease.Release(context.Background()))
	// Output: lock "context" lost: the store no longer has this lease
}

func ExampleLease_Deadline() {
	ctx := context.Background()
	clock := boottime.Clock{}
	locker := open("a", func(o *mongolock.Options) { o.Clock = clock })
	before := clock.Now()
	lease, err := locker.Try(ctx, "deadline")
	check(err)
	// It counts from before the request was sent, and keeps the kill budget and the drift back.
	fmt.Println(lease.Deadline() >= locker.Timing().Deadline(before))
	fmt.Println(lease.Deadline() <= locker.Timing().Deadline(clock.Now()))
	check(lease.Release(ctx))
	// Output:
	// true
	// true
}

func ExampleLease_Held() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "held")
	check(err)
	fmt.Println(lease.Held(), lease.Remaining() > 20*time.Second)
	check(lease.Release(ctx))
	fmt.Println(lease.Held(), lease.Remaining())
	// Output:
	// true true
	// false 0s
}

func ExampleLease_Renew() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "renew")
	check(err)
	before := lease.Deadline()
	check(lease.Renew(ctx)) // beside the heartbeat: before a step that takes long, say
	fmt.Println(lease.Deadline() > before)
	check(lease.Release(ctx))
	// Output: true
}

func ExampleLease_Renewed() {
	ctx := context.Background()
	locker := open("a", func(o *mongolock.Options) { o.Timing.Heartbeat = 50 * time.Millisecond })
	lease, err := locker.Try(ctx, "renewed")
	check(err)
	first := lease.Deadline()
	for lease.Deadline() == first {
		<-lease.Renewed()
	}
	fmt.Println("the deadline has moved")
	check(lease.Release(ctx))
	// Output: the deadline has moved
}

func ExampleLease_Release() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "release")
	check(err)
	check(lease.Release(ctx)) // acknowledged by a majority: anybody may have it now
	locked, err := locker.IsLocked(ctx, "release")
	fmt.Println(locked, err)
	// Output: false <nil>
}

func ExampleLease_Finish() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "finish@2026-11-22")
	check(err)
	check(lease.Finish(ctx, mongolock.Succeeded))

	_, err = locker.Try(ctx, "finish@2026-11-22")
	var done *mongolock.DoneError
	if errors.As(err, &done) {
		fmt.Println(done.Info.Done.Outcome, "by", done.Info.Done.By)
	}
	// Output: succeeded by a
}

func ExampleLease_Leave() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "leave")
	check(err)
	lease.Leave() // held in the store still, for one ttl + grace
	locked, err := locker.IsLocked(ctx, "leave")
	fmt.Println(locked, err, lease.Held())
	check(lease.Release(ctx))
	// Output: true <nil> false
}

func ExamplePair() {
	ctx := context.Background()
	locker := open("a")
	pair, err := locker.AcquireAlone(ctx, "pair@3", "pair")
	check(err)
	fmt.Println(pair.Run.Key(), "and", pair.Job.Key())
	fmt.Println(pair.Token() == pair.Job.Token()) // the one that grows from run to run
	check(pair.Finish(ctx, mongolock.Failed))
	// Output:
	// pair@3 and pair
	// true
}

func ExampleHeldError() {
	since := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	err := error(&mongolock.HeldError{Info: mongolock.Info{
		Key: "reports", Owner: "report-7", Holder: mongolock.Holder{Cluster: "east", Node: "n1"},
		Created: since, Expire: since.Add(35 * time.Second),
	}})
	fmt.Println(err)
	// Output: "reports" is held by report-7 (cluster east, node n1) since 2026-11-22T03:00:00Z until 2026-11-22T03:00:35Z
}

func ExampleDoneError() {
	fmt.Println(&mongolock.DoneError{Info: mongolock.Info{Key: "reports@3", Done: &mongolock.Done{
		Outcome: "succeeded", By: "report-7", At: time.Date(2026, 11, 22, 3, 4, 0, 0, time.UTC),
	}}})
	// Output: "reports@3" is done: succeeded by report-7 at 2026-11-22T03:04:00Z
}

func ExampleLostError() {
	err := error(&mongolock.LostError{Key: "reports", Reason: mongolock.LostDeadline})
	fmt.Println(err)
	fmt.Println(errors.Is(err, mongolock.ErrLost))
	// Output:
	// lock "reports" lost: no renewal was acknowledged before the deadline
	// true
}

func ExampleWaitError() {
	err := error(&mongolock.WaitError{
		Key: "reports", Cause: context.DeadlineExceeded,
		Held: &mongolock.HeldError{Info: mongolock.Info{Key: "reports", Owner: "report-7"}},
	})
	var held *mongolock.HeldError
	fmt.Println(errors.Is(err, context.DeadlineExceeded), errors.As(err, &held))
	fmt.Println(err)
	// Output:
	// true true
	// waiting for lock "reports": context deadline exceeded; "reports" is held by report-7 without an end
}

func ExampleFormatError() {
	fmt.Println(&mongolock.FormatError{Key: "reports", Problems: []string{"v is 2, this version knows 1"}})
	// Output: the document of lock "reports" cannot be used: v is 2, this version knows 1
}

func ExampleInfo_Where() {
	fmt.Println(mongolock.Info{Holder: mongolock.Holder{Cluster: "east", Namespace: "shop", Pod: "report-7", Node: "n1"}}.Where())
	// Output: cluster east, pod shop/report-7, node n1
}

func ExampleLease_Token() {
	ctx := context.Background()
	locker := open("a")
	first, err := locker.Try(ctx, "token")
	check(err)
	check(first.Release(ctx))
	second, err := locker.Try(ctx, "token")
	check(err)
	fmt.Println(second.Token() > first.Token())
	check(second.Release(ctx))
	// Output: true
}

func ExampleLease_Nonce() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "nonce")
	check(err)
	fmt.Println(len(lease.Nonce()) >= 26) // 128 random bits or more, for [mongolock.Adopt]
	check(lease.Release(ctx))
	// Output: true
}

func ExampleLease_IsHeld() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "is-held")
	check(err)
	// A write that proves it. Inside a transaction of yours, pass its context.
	fmt.Println(lease.IsHeld(ctx))
	_, err = locker.ForceReleaseNow(ctx, "is-held")
	check(err)
	fmt.Println(errors.Is(lease.IsHeld(ctx), mongolock.ErrLost))
	check(lease.Release(ctx))
	// Output:
	// <nil>
	// true
}

func ExampleLocker_Info() {
	ctx := context.Background()
	locker := open("a", func(o *mongolock.Options) {
		o.Holder = mongolock.Holder{Cluster: "east", Namespace: "shop", Pod: "report-7"}
	})
	lease, err := locker.Try(ctx, "info")
	check(err)
	info, err := locker.Info(ctx, "info")
	check(err)
	fmt.Println(info.State, "by", info.Owner, "in", info.Where())
	check(lease.Release(ctx))
	_, err = locker.Info(ctx, "no-such-key")
	fmt.Println(errors.Is(err, mongolock.ErrNoLock))
	// Output:
	// held by a in cluster east, pod shop/report-7
	// true
}

func ExampleLocker_IsLocked() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "is-locked")
	check(err)
	fmt.Println(locker.IsLocked(ctx, "is-locked"))
	check(lease.Release(ctx))
	fmt.Println(locker.IsLocked(ctx, "is-locked"))
	// Output:
	// true <nil>
	// false <nil>
}

func ExampleLocker_List() {
	ctx := context.Background()
	locker := open("a")
	for _, key := range []string{"list/b", "list/a"} {
		lease, err := locker.Try(ctx, key)
		check(err)
		defer func() { check(lease.Release(ctx)) }()
	}
	locks, err := locker.List(ctx, "list/", 0)
	check(err)
	for _, l := range locks {
		fmt.Println(l.Key, l.State)
	}
	// Output:
	// list/a held
	// list/b held
}

func ExampleLocker_History() {
	ctx := context.Background()
	for _, owner := range []string{"a", "b"} {
		locker := open(owner)
		lease, err := locker.Try(ctx, "history")
		check(err)
		check(lease.Release(ctx))
	}
	locker := open("c")
	history, err := locker.History(ctx, "history")
	check(err)
	for _, h := range history {
		fmt.Println(h.Owner, h.How)
	}
	fmt.Println(slices.IsSortedFunc(history, func(a, b mongolock.HandOver) int { return int(a.Token - b.Token) }))
	// Output:
	// a free
	// b free
	// true
}

func ExampleLocker_Revoke() {
	ctx := context.Background()
	locker := open("a", func(o *mongolock.Options) { o.Timing.Heartbeat = 50 * time.Millisecond })
	lease, err := locker.Try(ctx, "revoke")
	check(err)

	operator := open("operator")
	info, err := operator.Revoke(ctx, "revoke")
	check(err)
	fmt.Println("asked", info.Owner, info.Revoked)

	<-lease.Done() // at its next renewal; it stops its work, and only then
	check(lease.Release(ctx))
	// Output: asked a true
}

func ExampleLocker_ForceReleaseNow() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "force")
	check(err)
	defer lease.Release(ctx)

	operator := open("operator")
	// Until the old holder's next renewal two may run. Revoke asks instead.
	info, err := operator.ForceReleaseNow(ctx, "force")
	check(err)
	fmt.Println(info.State)
	// Output: free
}

func ExampleLocker_MarkAbandoned() {
	ctx := context.Background()
	locker := open("a")
	lease, err := locker.Try(ctx, "abandoned@2026-11-21")
	check(err)
	defer func() { check(lease.Release(ctx)) }()
	// What nobody has renewed for a day: not this one.
	n, err := locker.MarkAbandoned(ctx, "abandoned@", 24*time.Hour)
	fmt.Println(n, err)
	// Output: 0 <nil>
}

func ExampleLocker_ServerTime() {
	locker := open("a")
	now, err := locker.ServerTime(context.Background())
	check(err)
	fmt.Println(time.Since(now).Abs() < time.Minute) // for people: nothing is decided by it
	// Output: true
}

func ExampleLocker_Store() {
	ctx := context.Background()
	a, b := open("a"), open("b")
	one, err := a.Store(ctx)
	check(err)
	two, err := b.Store(ctx)
	check(err)
	fmt.Println(one.Fingerprint == two.Fingerprint)
	// Output: true
}

func ExampleLocker_Check() {
	locker := open("a")
	store, err := locker.Check(context.Background())
	check(err)
	for _, f := range store.Findings {
		if f.Fatal {
			fmt.Println(f.Message, "→", f.Remedy)
		}
	}
	fmt.Println("checked")
	// Output: checked
}

func ExampleLocker_CreateIndex() {
	ctx := context.Background()
	locker := open("a", func(o *mongolock.Options) { o.Keep = 7 * 24 * time.Hour })
	check(locker.CreateIndex(ctx)) // once, by somebody who may
	check(locker.CreateIndex(ctx)) // and again without harm
	lease, err := locker.Try(ctx, "kept")
	check(err)
	check(lease.Release(ctx))
	info, err := locker.Info(ctx, "kept")
	check(err)
	fmt.Println(info.PurgeAt.After(time.Now().Add(6 * 24 * time.Hour)))
	// Output: true
}

func ExampleLocker_Close() {
	locker := open("a")
	check(locker.Close(context.Background()))
	_, err := locker.Try(context.Background(), "closed")
	fmt.Println(errors.Is(err, mongolock.ErrClosed))
	// Output: true
}

func ExampleEvent() {
	ctx := context.Background()
	events := make(chan mongolock.Event, 10)
	locker := open("a", func(o *mongolock.Options) {
		o.Observe = func(e mongolock.Event) { events <- e } // nothing waits for it
	})
	lease, err := locker.Try(ctx, "event")
	check(err)
	check(lease.Release(ctx))
	for range 2 {
		e := <-events
		fmt.Println(e.Kind, e.Key, e.Token == lease.Token())
	}
	// Output:
	// acquired event true
	// finished event true
}

func ExampleLocker_Timing() {
	locker := open("a")
	t := locker.Timing()
	fmt.Println(t.TTL, t.Heartbeat, t.Operation, t.KillBudget, t.Grace)
	// Output: 30s 5s 6s 5s 5s
}

func ExampleTiming_Validate() {
	t := mongolock.Timing{TTL: 30 * time.Second, KillBudget: 15 * time.Second}.WithDefaults()
	fmt.Println(t.Validate())
	// Output: heartbeat 5s + 2 × operation timeout 6s = 17s > ttl 30s − kill budget 15s − drift 300ms = 14.7s: one failed renewal would lose the lease
}
