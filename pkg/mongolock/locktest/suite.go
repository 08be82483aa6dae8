// Package locktest is the conformance suite of package mongolock: what a store
// must do for the protocol to hold. Run it against your own server:
//
//	func TestLocks(t *testing.T) { locktest.Run(t, os.Getenv("MY_MONGODB_URI")) }
//
// It writes into a database of its own, which it drops at the end. It needs no
// replica set, but [Features] tells it what else it may try. It does not prove that a
// store keeps what it acknowledged when a member fails: no client can.
package locktest

import (
	"bytes"
	"context"
	"crypto/rand"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// Features are what a store may have beyond the least that the protocol needs.
type Features struct {
	// ChangeStreams runs what needs them; without it those tests are skipped by name.
	ChangeStreams bool
}

// Floor is how many tests Run runs at the least, subtests not counted.
const Floor = 20

// suite is what the tests share.
type suite struct {
	uri      string
	database string
	coll     *mongo.Collection
	features Features
}

// Run runs the suite against the server at uri, and fails where fewer than [Floor] of its tests ran.
func Run(t *testing.T, uri string, f Features) {
	t.Helper()
	database := "locktest_" + strings.ToLower(rand.Text()[:8])
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		t.Fatal(err)
	}
	s := &suite{uri: uri, database: database, coll: client.Database(database).Collection("lock"), features: f}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := client.Database(database).Drop(ctx); err != nil {
			t.Errorf("dropping %s: %v", database, err)
		}
		if err := client.Disconnect(ctx); err != nil {
			t.Error(err)
		}
	})
	// The collection exists before the first race, as with every user's second lock.
	s.insert(t, bson.D{{Key: "_id", Value: "warm"}})

	var ran atomic.Int32
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.streams && !f.ChangeStreams {
				t.Skip("this store has no change streams")
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
	{name: "inspect", run: (*suite).inspect},
	{name: "purge_marks", run: (*suite).purgeMarks},
	{name: "with", run: (*suite).with},
	{name: "fence", run: (*suite).fence},
	{name: "store_and_check", run: (*suite).storeAndCheck},
}

// short is a timing for tests: long enough for a busy machine, short enough to wait for.
func short() mongolock.Timing {
	return mongolock.Timing{TTL: 2 * time.Second, Heartbeat: 300 * time.Millisecond, Operation: 650 * time.Millisecond, AllowShort: true}.WithDefaults()
}

// locker is a Locker of its own client, closed at the end of the test.
func (s *suite) locker(t *testing.T, owner string, change ...func(*mongolock.Options)) *mongolock.Locker {
	t.Helper()
	o := mongolock.Options{Database: s.database, Collection: "lock", Owner: owner, Timing: short(), Poll: 50 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	l, err := mongolock.Connect(s.uri, o)
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
	if _, err := s.coll.InsertOne(soon(t), doc); err != nil {
		t.Fatal(err)
	}
}

// raw is the stored document, nil where there is none.
func (s *suite) raw(t *testing.T, key string) bson.Raw {
	t.Helper()
	raw, err := s.coll.FindOne(soon(t), bson.D{{Key: "_id", Value: key}}).Raw()
	if err != nil && err != mongo.ErrNoDocuments { //nolint:errorlint // the driver's own
		t.Fatal(err)
	}
	return raw
}

func (s *suite) set(t *testing.T, key string, fields bson.D) {
	t.Helper()
	if _, err := s.coll.UpdateOne(soon(t), bson.D{{Key: "_id", Value: key}}, bson.D{{Key: "$set", Value: fields}}); err != nil {
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
