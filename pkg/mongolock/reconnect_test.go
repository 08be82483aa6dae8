package mongolock

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/fakemongo"
	"github.com/mongogate/mongogate/test/must"
)

// TestReconnectAsAnotherUser: the password is changed by making a second user
// and dropping the first, as rotation does.
func TestReconnectAsAnotherUser(t *testing.T) {
	s := devdbtest.Start(t, devdb.Auth|devdb.Restart)
	root, err := mongo.Connect(options.Client().ApplyURI(s.URI))
	if err != nil {
		t.Fatal("connecting as root")
	}
	defer func() { must.Do(t, root.Disconnect(context.Background())) }()
	run := func(command ...bson.E) {
		t.Helper()
		must.Do(t, root.Database("admin").RunCommand(t.Context(), bson.D(command)).Err())
	}
	user := func(name, role string) string {
		run(bson.E{Key: "createUser", Value: name}, bson.E{Key: "pwd", Value: canary}, bson.E{Key: "roles", Value: bson.A{role}})
		return userURI(t, s, name, canary, "admin")
	}
	w := newWire(t, s)
	long := func(o *Options) {
		o.Timing = Timing{TTL: 30 * time.Second, Heartbeat: 300 * time.Millisecond, Operation: 2 * time.Second}
	}
	l := w.connect(t, user("first", "root"), long)
	lease := kept(t)(l.Try(t.Context(), "key"))
	first := l.conn.current()

	for why, uri := range map[string]string{
		"wrong password":        userURI(t, s, "first", "wrong-"+canary, "admin"),
		"no such user":          userURI(t, s, "nobody", canary, "admin"),
		"who may only read":     user("reader", "readAnyDatabase"),
		"another write concern": userURI(t, s, "first", canary, "admin") + "&w=1",
		"no connection string":  "u:" + canary + "@h",
		"nobody listens":        "mongodb://u:" + canary + "@127.0.0.1:1/",
	} {
		err := l.Reconnect(t.Context(), uri)
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", why, err)
		}
		if denied := strings.HasPrefix(why, "wrong") || why == "no such user"; denied && !Denied(err) {
			t.Errorf("%s: %v is not known as a denial", why, err)
		}
		if l.conn.current() != first {
			t.Fatalf("%s: the client was replaced", why)
		}
	}
	before := lease.Deadline()
	must.Happen(t, "a renewal over the old client", func() bool { return lease.Deadline() > before })

	must.Do(t, l.Reconnect(t.Context(), user("second", "root")))
	run(bson.E{Key: "dropUser", Value: "first"})
	// Whoever was let in before may go on for a while, on some servers. Nobody does after a restart.
	must.Do(t, s.Restart(t.Context()))
	if _, err := w.connect(t, userURI(t, s, "first", canary, "admin")).Try(t.Context(), "other"); !Denied(err) {
		t.Errorf("the first user is let in still: %v", err)
	}
	before = lease.Deadline()
	must.Happen(t, "a renewal as the second user", func() bool { return lease.Deadline() > before })
	must.Do(t, lease.Release(t.Context()))
	kept(t)(l.Try(t.Context(), "key"))
}

// TestP1_ReconnectToAnotherStore: two stores both hold "the" lock.
func TestP1_ReconnectToAnotherStore(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	l := w.connect(t, w.server.URI)
	store := must.Get(l.Store(t.Context()))(t)
	lease := kept(t)(l.Try(t.Context(), "key"))
	first := l.conn.current()
	for name, change := range map[string]bson.A{
		"another fingerprint": {op("$set", bson.D{{Key: "store", Value: "ANOTHER"}})},
		"none":                nil,
	} {
		var err error
		if change == nil {
			_, err = first.coll.DeleteOne(t.Context(), byID(storeID))
		} else {
			_, err = first.coll.UpdateOne(t.Context(), byID(storeID), change)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Reconnect(t.Context(), w.server.URI); !errors.Is(err, ErrOtherStore) {
			t.Errorf("%s: %v", name, err)
		}
		if l.conn.current() != first {
			t.Errorf("%s: the client was replaced", name)
		}
		found := first.coll.FindOne(t.Context(), byID(storeID)).Err()
		if change == nil && !errors.Is(found, mongo.ErrNoDocuments) {
			t.Errorf("a store that is refused was given a fingerprint: %v", found)
		}
		id := store.Fingerprint[strings.LastIndexByte(store.Fingerprint, '/')+1:]
		if err := l.mayAcquire(t.Context(), first, id); err != nil { // as it was
			t.Fatal(err)
		}
	}
	must.Do(t, l.Reconnect(t.Context(), w.server.URI))
	must.Do(t, lease.Renew(t.Context()))
}

// TestReconnectWithoutAFingerprint: a Locker that holds a lease and has not
// learnt which store it is from asks before the change; one that holds none may go anywhere.
func TestReconnectWithoutAFingerprint(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	away := w.connect(t, "mongodb://127.0.0.1:1/")
	if err := away.Reconnect(t.Context(), w.server.URI); err != nil {
		t.Errorf("from a server that is away: %v", err)
	}
	l := w.through(t)
	kept(t)(l.Try(t.Context(), "key"))
	w.proxy.Cut()
	first := l.conn.current()
	if err := l.Reconnect(t.Context(), w.server.URI); err == nil || l.conn.current() != first {
		t.Errorf("a store that nobody can compare: %v", err)
	}
	w.proxy.Heal()
	must.Happen(t, "the change", func() bool { return l.Reconnect(t.Context(), w.server.URI) == nil })
	foreign := must.Get(New(first.coll, Options{}))(t)
	if err := foreign.Reconnect(t.Context(), w.server.URI); !errors.Is(err, ErrConfig) {
		t.Errorf("a client of the caller's: %v", err)
	}
}

// TestReconnectWhileALeaseIsHad: a store that did not say which it is gives a lease while another one is being looked at.
func TestReconnectWhileALeaseIsHad(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		asked := 0
		w.on(func(c sentCall) fakemongo.Verdict {
			if c.Command != "buildInfo" {
				return fakemongo.Verdict{}
			}
			if asked++; asked == 1 {
				return fakemongo.Verdict{Code: 13}
			}
			return fakemongo.Verdict{ReplyDelay: 2 * time.Second}
		})
		first := l.conn.current()
		const uri = "mongodb://fakemongo:27017/?directConnection=true"
		changed := make(chan error, 1)
		go func() { changed <- l.Reconnect(t.Context(), uri) }()
		time.Sleep(time.Second)
		kept(t)(l.Try(t.Context(), "key"))
		if err := <-changed; err == nil || l.conn.current() != first {
			t.Errorf("a store that nobody can compare: %v", err)
		}
		must.Do(t, l.Reconnect(t.Context(), uri))
	})
}

// TestReconnectLetsCallsEnd: the answer to a renewal that was under way comes over the old client.
func TestReconnectLetsCallsEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		must.Get(l.Store(t.Context()))(t)
		lease := kept(t)(l.Try(t.Context(), "key"))
		w.fault(fakemongo.Verdict{ReplyDelay: 4 * time.Second}, func(c sentCall) bool { return c.Nonce == lease.Nonce() })
		renewed := make(chan error, 1)
		go func() { renewed <- lease.Renew(t.Context()) }()
		time.Sleep(time.Second)
		old := l.conn.current()
		must.Do(t, l.Reconnect(t.Context(), "mongodb://fakemongo:27017/?directConnection=true"))
		if l.conn.current() == old {
			t.Error("not replaced")
		}
		if err := <-renewed; err != nil {
			t.Errorf("the renewal that was under way: %v", err)
		}
		w.on(func(sentCall) fakemongo.Verdict { return fakemongo.Verdict{} })
		time.Sleep(time.Second) // and the old client is ended
		if _, err := old.coll.CountDocuments(t.Context(), bson.D{}); !errors.Is(err, mongo.ErrClientDisconnected) {
			t.Errorf("the old client: %v", err)
		}
	})
}

// TestReconnectUnderLoad: no call fails for it, whatever moment it comes in.
func TestReconnectUnderLoad(t *testing.T) {
	w := newWire(t, sharedServer(t, devdb.ChangeStreams))
	l := w.connect(t, w.server.URI, func(o *Options) { o.ChangeStream, o.Timing = true, Timing{TTL: time.Minute} })
	lease := kept(t)(l.Try(t.Context(), "key"))
	waiting := waits(t, l, "key")
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				if err := lease.Renew(t.Context()); err != nil {
					t.Errorf("renew: %v", err)
					return
				}
			}
		})
	}
	first := l.conn.current()
	for range 20 {
		must.Do(t, l.Reconnect(t.Context(), w.server.URI))
	}
	stop()
	callers.Wait()
	must.Happen(t, "the end of the first client, whose change stream somebody followed", func() bool {
		return errors.Is(first.coll.FindOne(t.Context(), byID("key")).Err(), mongo.ErrClientDisconnected)
	})
	if n := w.seen(EventUnknown, ""); n > 0 {
		t.Errorf("%d calls were not acknowledged", n)
	}
	must.Do(t, lease.Release(t.Context()))
	must.Do(t, <-waiting) // who waited was not disturbed
}

func TestReconnectOfAClosedLocker(t *testing.T) {
	w := newWire(t, sharedServer(t, 0))
	for range 5 {
		l := must.Get(Connect(w.server.URI, Options{Database: TestDatabase, Collection: w.name}))(t)
		// In one moment: one of the two is first, and nothing is left running.
		var both sync.WaitGroup
		both.Go(func() { _ = l.Reconnect(t.Context(), w.server.URI) })
		both.Go(func() {
			if err := l.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
		if err := l.Reconnect(t.Context(), w.server.URI); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}
