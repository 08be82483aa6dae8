package mongolock

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/must"
)

// TestIsHeldInATransactionOfAnotherClient: Connect shows no client of its own, so the session is the caller's.
func TestIsHeldInATransactionOfAnotherClient(t *testing.T) {
	s := sharedServer(t, devdb.ChangeStreams) // which has sessions
	w := newWire(t, s)
	l := w.connect(t, s.URI)
	lease := kept(t)(l.Try(t.Context(), "key"))
	client := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI)))(t)
	defer func() { must.Do(t, client.Disconnect(context.Background())) }()
	session := must.Get(client.StartSession())(t)
	defer session.EndSession(t.Context())
	ctx := mongo.NewSessionContext(t.Context(), session)
	if err := lease.IsHeld(ctx); err != nil {
		t.Errorf("held: %v", err)
	}
	// In a transaction, where the server has them.
	commit := func() error {
		_, err := session.WithTransaction(t.Context(), func(ctx context.Context) (any, error) { return nil, lease.IsHeld(ctx) })
		return err
	}
	var ce mongo.CommandError
	if err := commit(); errors.As(err, &ce) && ce.Code == 20 {
		t.Logf("%s has no transactions: %v", s.Name, err)
	} else if err != nil {
		t.Errorf("held, in a transaction: %v", err)
	}
	must.Get(w.direct.ForceReleaseNow(t.Context(), "key"))(t)
	if err := lease.IsHeld(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("lost: %v", err)
	}
	if err := commit(); err == nil {
		t.Error("committed under a lease that is lost")
	}
}
