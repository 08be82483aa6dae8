// Package locktest is the conformance suite of package mongolock: what a store
// must do for the protocol to hold. Run it against your own server, or a store of your own:
//
//	func TestLocks(t *testing.T) {
//		locktest.Run(t, locktest.MongoDB(t, os.Getenv("MY_MONGODB_URI")), locktest.Features{Collection: true})
//	}
//
// In MongoDB it writes into a database of its own, which it drops at the end. It needs no
// replica set, but [Features] tells it what else it may try. It does not prove that a
// store keeps what it acknowledged when a member fails: no client can.
package locktest

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Store is a store under test. Beside Lockers it gives what somebody does to a document by hand.
type Store interface {
	// Locker makes a Locker on the store, with a client of its own where the store has clients.
	Locker(o mongolock.Options) (*mongolock.Locker, error)
	// Get returns the document of a key as it is stored, nil where there is none.
	Get(ctx context.Context, key string) (bson.Raw, error)
	// Insert stores a document whose key has none.
	Insert(ctx context.Context, document bson.D) error
	// Set changes fields of the document of a key, as one step.
	Set(ctx context.Context, key string, fields bson.D) error
	// Delete removes the document of a key.
	Delete(ctx context.Context, key string) error
}

// Features are what a store may have beyond the least that the protocol needs. Tests of what it does not have are skipped by name.
type Features struct {
	// Collection is for a [Server].
	Collection bool
	// ChangeStreams is for one that has them.
	ChangeStreams bool
}

// Floor is how many tests Run runs at the least, subtests not counted.
const Floor = 20

// suite is what the tests share.
type suite struct {
	store Store
	// coll is the collection of a store that is MongoDB.
	coll *mongo.Collection
}

// Run runs the suite against a store, and fails where fewer than [Floor] of its tests ran.
func Run(t *testing.T, store Store, f Features) {
	t.Helper()
	s := &suite{store: store}
	if m, ok := store.(*Server); ok {
		s.coll = m.Coll
	} else if f.Collection {
		t.Fatal("Features.Collection is for what MongoDB returns")
	}
	// The collection exists before the first race, as with every user's second lock.
	s.insert(t, bson.D{{Key: "_id", Value: "warm"}})

	var ran atomic.Int32
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.streams && !f.ChangeStreams {
				t.Skip("this store has no change streams")
			}
			if test.collection && !f.Collection {
				t.Skip("this store is no collection in MongoDB")
			}
			ran.Add(1)
			test.run(s, t)
		})
	}
	t.Logf("conformance: %d of %d tests ran", ran.Load(), len(tests))
	if int(ran.Load()) < Floor && !t.Failed() {
		t.Errorf("conformance: %d tests ran, want at least %d", ran.Load(), Floor)
	}
}

type test struct {
	name    string
	run     func(*suite, *testing.T)
	streams bool
	// collection: it asks for what only a collection in MongoDB has.
	collection bool
}

// tests are named for the points of the protocol (docs/internals/protocol.md).
var tests = []test{ //nolint:gochecknoglobals // a constant table
	{name: "P1_majority_or_nothing", run: (*suite).majorityOrNothing},
	{name: "P2_acquire_cases", run: (*suite).acquireCases},
	{name: "P2_wrong_types", run: (*suite).wrongTypes},
	{name: "P2_wrong_types_of_a_holder", run: (*suite).wrongTypesOfAHolder},
	{name: "P2_first_insert_race", run: (*suite).firstInsertRace},
	{name: "P2_refused_try_writes_nothing", run: (*suite).refusedWritesNothing, streams: true},
	{name: "P3_watched_steal", run: (*suite).watchedSteal},
	{name: "P3_living_holder_is_not_robbed", run: (*suite).livingHolder},
	{name: "P3_wall_clock_decides_nothing", run: (*suite).wallClock},
	{name: "P3_owner_numbers_count", run: (*suite).ownersNumbers},
	{name: "P3_repeated_tries_add_up", run: (*suite).triesAddUp},
	{name: "P5_renewals_are_numbered", run: (*suite).renewals},
	{name: "P5_taken_is_lost", run: (*suite).takenIsLost},
	{name: "P5_deleted_is_lost", run: (*suite).deletedIsLost},
	{name: "P5_changed_is_lost", run: (*suite).changedIsLost},
	{name: "P5_twin_is_lost", run: (*suite).twinIsLost},
	{name: "P5_expired_lease_is_still_renewed", run: (*suite).expiredStillRenewed},
	{name: "P6_release_keeps_the_nonce", run: (*suite).releaseKeepsNonce},
	{name: "P6_release_by_another_nonce", run: (*suite).releaseOfAnother},
	{name: "P7_tokens_grow", run: (*suite).tokensGrow},
	{name: "P8_adoption_by_nonce", run: (*suite).adoption},
	{name: "P8_names_do_not_adopt", run: (*suite).namesDoNotAdopt},
	{name: "P9_done_records", run: (*suite).doneRecords},
	{name: "P9_failed_runs", run: (*suite).failedRuns},
	{name: "P9_skip_needs_proof", run: (*suite).skipNeedsProof},
	{name: "P9_runs_do_not_overlap", run: (*suite).alone},
	{name: "P10_waiting_hands_over", run: (*suite).waiting},
	{name: "P10_change_stream_hint", run: (*suite).changeStream, streams: true},
	{name: "P11_revoke", run: (*suite).revoke},
	{name: "P11_force_now", run: (*suite).forceNow},
	{name: "inspect", run: (*suite).inspect, collection: true},
	{name: "purge_marks", run: (*suite).purgeMarks, collection: true},
	{name: "with", run: (*suite).with},
	{name: "fence", run: (*suite).fence, collection: true},
	{name: "store_and_check", run: (*suite).storeAndCheck, collection: true},
}

// short is a timing for tests: long enough for a busy machine, short enough to wait for.
func short() mongolock.Timing {
	return mongolock.Timing{TTL: 2 * time.Second, Heartbeat: 300 * time.Millisecond, Operation: 650 * time.Millisecond, AllowShort: true}.WithDefaults()
}

// locker is a Locker of its own client, closed at the end of the test.
func (s *suite) locker(t *testing.T, owner string, change ...func(*mongolock.Options)) *mongolock.Locker {
	t.Helper()
	o := mongolock.Options{Owner: owner, Timing: short(), Poll: 50 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	l, err := s.store.Locker(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return l
}

// soon ends with the test, or when something hangs.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *suite) insert(t *testing.T, doc bson.D) {
	t.Helper()
	if err := s.store.Insert(soon(t), doc); err != nil {
		t.Fatal(err)
	}
}

// raw is the stored document, nil where there is none.
func (s *suite) raw(t *testing.T, key string) bson.Raw {
	t.Helper()
	raw, err := s.store.Get(soon(t), key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func (s *suite) set(t *testing.T, key string, fields bson.D) {
	t.Helper()
	if err := s.store.Set(soon(t), key, fields); err != nil {
		t.Fatal(err)
	}
}

func same(a, b bson.Raw) bool { return bytes.Equal(a, b) }

// must acquires or fails the test; the lease is released at the end if it still stands.
func must(t *testing.T, lease *mongolock.Lease, err error) *mongolock.Lease {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = lease.Release(ctx)
	})
	return lease
}

// eventually polls until ok or fails after the time within which it must be.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", within, what)
		}
	}
}
