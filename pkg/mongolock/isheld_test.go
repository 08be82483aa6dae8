package mongolock

import (
	"context"
	"errors"
	"testing"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/devdb"
)

// TestIsHeldInATransactionOfAnotherClient: Connect shows no client of its own, so the session is the caller's.
func TestIsHeldInATransactionOfAnotherClient(t *testing.T) {
	s := sharedServer(t, devdb.ChangeStreams) // which has sessions
	w := newWire(t, s)
	l := w.connect(t, s.URI)
	lease, err := l.Try(t.Context(), "key")
	got(t, lease, err)
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Disconnect(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	session, err := client.StartSession()
	if err != nil {
		t.Fatal(err)
	}
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
	if _, err := w.direct.ForceReleaseNow(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if err := lease.IsHeld(ctx); !errors.Is(err, ErrLost) {
		t.Errorf("lost: %v", err)
	}
	if err := commit(); err == nil {
		t.Error("committed under a lease that is lost")
	}
}
