package faultproxy

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/must"
)

// behind gives a proxy before the package's server, and one collection as seen
// through it and as seen without it.
func behind(t *testing.T) (p *Proxy, through, direct *mongo.Collection) {
	t.Helper()
	uri := database.URI
	address := must.Get(database.Primary(t.Context()))(t)
	p = must.Get(Listen(address))(t)
	must.AtEnd(t, p.Close)
	proxied := must.Get(p.URI(uri))(t)
	direct = collection(t, uri)
	must.Do(t, direct.Drop(t.Context()))
	return p, collection(t, proxied), direct
}

func collection(t *testing.T, uri string) *mongo.Collection {
	t.Helper()
	client := must.Get(mongo.Connect(options.Client().ApplyURI(uri).SetRetryWrites(false).SetRetryReads(false).
		SetServerSelectionTimeout(2 * time.Second).SetConnectTimeout(time.Second).SetHeartbeatInterval(500 * time.Millisecond)))(t)
	must.AtEnd(t, func() error { return client.Disconnect(context.Background()) })
	return client.Database("faultproxy").Collection(t.Name())
}

// write is one findAndModify with a deadline of its own.
func write(t *testing.T, c *mongo.Collection, id string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	return c.FindOneAndUpdate(ctx, bson.D{{Key: "_id", Value: id}}, bson.D{{Key: "$set", Value: bson.D{{Key: "there", Value: true}}}},
		options.FindOneAndUpdate().SetUpsert(true).SetReturnDocument(options.After)).Err()
}

func there(t *testing.T, c *mongo.Collection, id string) bool {
	t.Helper()
	n := must.Get(c.CountDocuments(t.Context(), bson.D{{Key: "_id", Value: id}}))(t)
	return n == 1
}

func TestCountIsOnePerCommand(t *testing.T) {
	p, through, _ := behind(t)
	for i := range 5 {
		must.Do(t, write(t, through, "a"))
		if got := p.Count()["findAndModify"]; got != i+1 {
			t.Fatalf("%d findAndModify were counted, %d were sent", got, i+1)
		}
	}
	must.Do(t, through.FindOne(t.Context(), bson.D{}).Err())
	counts := p.Count()
	if counts["find"] != 1 || counts["hello"]+counts["isMaster"] == 0 {
		t.Errorf("counted: %v", counts)
	}
}

func TestOnRequest(t *testing.T) {
	for _, c := range []struct {
		name    string
		action  Action
		arrives bool
		err     func(error) bool
	}{
		{"Pass", Pass, true, func(err error) bool { return err == nil }},
		{"DropRequest", DropRequest, false, mongo.IsTimeout},
		{"DropReply", DropReply, true, mongo.IsTimeout},
		{"ResetReply", ResetReply, true, func(err error) bool { return mongo.IsNetworkError(err) && !mongo.IsTimeout(err) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, through, direct := behind(t)
			p.OnRequest(func(command string) Action {
				if command == "hello" || command == "isMaster" {
					t.Errorf("asked about %s", command)
				}
				if command == "findAndModify" {
					return c.action
				}
				return Pass
			})
			if err := write(t, through, "a"); !c.err(err) {
				t.Errorf("the client was told: %v", err)
			}
			if got := there(t, direct, "a"); got != c.arrives {
				t.Errorf("the server did it: %t, want %t", got, c.arrives)
			}
			p.OnRequest(nil)
			must.Happen(t, "a write after the fault", func() bool { return write(t, through, "b") == nil })
		})
	}
}

// TestOnAnswer: what is told is what the client can know, and since when.
func TestOnAnswer(t *testing.T) {
	p, through, _ := behind(t)
	arrived := make(chan time.Time, 100)
	p.OnAnswer(func(command string, at time.Time) {
		if command == "findAndModify" {
			arrived <- at
		}
	})
	before := time.Now()
	must.Do(t, write(t, through, "a"))
	at := must.Come(t, arrived, "an answer that was delivered is told")
	if at.Before(before) || at.After(time.Now()) {
		t.Errorf("arrived at %v, sent after %v", at, before)
	}
	p.DropReplies()
	if err := write(t, through, "a"); !mongo.IsTimeout(err) {
		t.Errorf("a write without an answer: %v, want a timeout", err)
	}
	p.Heal()
	must.Happen(t, "a write after that", func() bool { return write(t, through, "b") == nil })
	must.Happen(t, "its answer", func() bool { return len(arrived) > 0 })
	if n := len(arrived); n != 1 {
		t.Errorf("%d answers were told, one was delivered", n)
	}
}

func TestCutAndHeal(t *testing.T) {
	p, through, direct := behind(t)
	must.Do(t, write(t, through, "before"))
	p.Cut()
	if err := write(t, through, "cut"); err == nil {
		t.Error("a write has passed a cut")
	}
	// A connection that is new.
	conn, err := net.Dial("tcp", p.Addr())
	if err == nil {
		conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		_, err = conn.Read(make([]byte, 1))
		conn.Close()
	}
	if timeout, ok := errors.AsType[net.Error](err); err == nil || ok && timeout.Timeout() {
		t.Errorf("a new connection during a cut: %v, want a reset", err)
	}
	p.Heal()
	must.Happen(t, "a write after the cut", func() bool { return write(t, through, "after") == nil })
	if there(t, direct, "cut") {
		t.Error("the write has arrived after the cut")
	}
}

// TestFreezeDeliversLate: the client has given up, and its write arrives.
func TestFreezeDeliversLate(t *testing.T) {
	p, through, direct := behind(t)
	must.Do(t, write(t, through, "before"))
	p.Freeze()
	if err := write(t, through, "late"); !mongo.IsTimeout(err) {
		t.Errorf("a write into a frozen network: %v, want a timeout", err)
	}
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatalf("a frozen network does not accept: %v", err)
	}
	defer conn.Close()
	if there(t, direct, "late") {
		t.Error("the write has passed a frozen network")
	}
	p.Heal()
	must.Happen(t, "the late write", func() bool { return there(t, direct, "late") })
	must.Happen(t, "a write after the freeze", func() bool { return write(t, through, "after") == nil })
}

func TestDropReplies(t *testing.T) {
	p, through, direct := behind(t)
	must.Do(t, write(t, through, "before"))
	p.DropReplies()
	if err := write(t, through, "a"); !mongo.IsTimeout(err) {
		t.Errorf("a write without an answer: %v, want a timeout", err)
	}
	if !there(t, direct, "a") {
		t.Error("the request was lost too")
	}
	p.Heal()
	must.Happen(t, "a write after the fault", func() bool { return write(t, through, "after") == nil })
}

func TestDelayIsPerDirection(t *testing.T) {
	p, through, _ := behind(t)
	must.Do(t, write(t, through, "a"))
	p.Delay(100 * time.Millisecond)
	begin := time.Now()
	must.Do(t, write(t, through, "a"))
	if took := time.Since(begin); took < 200*time.Millisecond {
		t.Errorf("a round trip took %v, want at least 200ms", took)
	}
}

func TestTargetThatIsAway(t *testing.T) {
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	listener.Close()
	p := must.Get(Listen(listener.Addr().String()))(t)
	defer p.Close()
	read := func(patience time.Duration) error {
		conn, err := net.Dial("tcp", p.Addr())
		if err != nil {
			return err
		}
		defer conn.Close()
		conn.SetReadDeadline(time.Now().Add(patience))
		_, err = conn.Read(make([]byte, 1))
		return err
	}
	timedOut := func(err error) bool {
		e, ok := errors.AsType[net.Error](err)
		return ok && e.Timeout()
	}
	if err := read(5 * time.Second); err == nil || timedOut(err) {
		t.Errorf("%v, want a reset", err)
	}
	p.Freeze()
	if err := read(200 * time.Millisecond); !timedOut(err) {
		t.Errorf("%v: a frozen network has told that the target is away", err)
	}
}

func TestURI(t *testing.T) {
	p := must.Get(Listen("127.0.0.1:1"))(t)
	defer p.Close()
	for uri, want := range map[string]string{
		"mongodb://a:1,b:2/?replicaSet=rs0":              "mongodb://ADDR/?directConnection=true&replicaSet=rs0",
		"mongodb://a":                                    "mongodb://ADDR/?directConnection=true",
		"mongodb://u:p%40w@a:1/db?directConnection=true": "mongodb://u:p%40w@ADDR/db?directConnection=true",
		"mongodb://a:1/?directConnection=false&w=1":      "mongodb://ADDR/?directConnection=true&w=1",
	} {
		got, err := p.URI(uri)
		if want := strings.Replace(want, "ADDR", p.Addr(), 1); err != nil || got != want {
			t.Errorf("%s became %s (%v), want %s", uri, got, err, want)
		}
	}
	if _, err := p.URI("mongodb+srv://u:canary@a/"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("an SRV address: %v", err)
	}
}
