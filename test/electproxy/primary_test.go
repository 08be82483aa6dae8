package electproxy

import (
	"context"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

func shown(t *testing.T) *Set {
	t.Helper()
	s := must.Get(New(database.Addr()))(t)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// TestAProxyStandsBeforeThePrimary: with a URI of several hosts, of which the first takes no writes.
func TestAProxyStandsBeforeThePrimary(t *testing.T) {
	s := shown(t)
	s.Elect(2)
	t.Setenv("MONGOGATE_TEST_URI", s.URI()+"&appName=a%20b\n")
	server := must.Get(devdb.Start(t.Context(), 0))(t)
	if got, err := server.Primary(t.Context()); err != nil || got != s.hosts()[2] {
		t.Errorf("%s, %v, want %s", got, err, s.hosts()[2])
	}
	p, uri := devdbtest.Proxied(t, server)
	client := must.Get(mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(5 * time.Second)))(t)
	defer func() { _ = client.Disconnect(context.Background()) }()
	if _, err := client.Database("elect").Collection("primary").InsertOne(t.Context(), bson.D{}); err != nil {
		t.Error(err)
	}
	if p.Count()["insert"] != 1 {
		t.Errorf("through the proxy: %v", p.Count())
	}
}

// TestMembersHaveRoles: what the driver, and who speaks to one member alone, is told.
func TestMembersHaveRoles(t *testing.T) {
	s := shown(t)
	alone := func(i int) error {
		client := must.Get(mongo.Connect(options.Client().ApplyURI("mongodb://" + s.hosts()[i] + "/?directConnection=true").SetRetryWrites(false).
			SetServerSelectionTimeout(2 * time.Second).SetTimeout(2 * time.Second)))(t)
		defer func() { _ = client.Disconnect(context.Background()) }()
		_, err := client.Database("elect").Collection("roles").InsertOne(t.Context(), bson.D{})
		return err
	}
	for i, want := range []string{"", "not primary", "not primary"} {
		if err := alone(i); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("member %d: %v, want %q", i, err, want)
		}
	}
	s.Elect(1)
	if alone(0) == nil || alone(1) != nil {
		t.Error("after the election the old primary takes writes, or the new one does not")
	}
	s.Freeze(1)
	if alone(1) == nil {
		t.Error("a frozen member answered")
	}
	s.Thaw(1)
	s.Kill(1)
	if alone(1) == nil || s.Primary() != Nobody {
		t.Error("a dead member answered")
	}
	s.Start(1)
	if err := alone(1); err == nil || !strings.Contains(err.Error(), "not primary") {
		t.Errorf("a member that came back: %v", err)
	}
}
