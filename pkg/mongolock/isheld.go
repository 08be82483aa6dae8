package mongolock

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// IsHeld proves by a write that the store still has this lease. With a context
// of the caller's own session or transaction, of whatever client on the same cluster, it belongs to that: the transaction then
// commits only if nobody took the lease meanwhile. It returns a [*LostError] where the lease is gone.
func (s *Lease) IsHeld(ctx context.Context) error {
	filter := append(held(s.key, s.nonce), bson.E{Key: "locked", Value: true}, bson.E{Key: "twin", Value: bson.D{{Key: "$ne", Value: true}}})
	var matched int64
	// In a transaction the driver leaves the collection's write concern to the transaction.
	err := s.locker.call(ctx, func(ctx context.Context, k *connection) error {
		coll := k.coll
		if session := mongo.SessionFromContext(ctx); session != nil {
			// A session works with its own client only, which need not be ours.
			coll = decisive(session.Client().Database(coll.Database().Name()).Collection(coll.Name()))
		}
		r, err := coll.UpdateOne(ctx, filter, bson.D{{Key: "$inc", Value: bson.D{{Key: "checked", Value: int64(1)}}}})
		if r != nil {
			matched = r.MatchedCount
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("proving lock %q: %w", s.key, err)
	}
	if matched == 0 {
		return &LostError{Key: s.key, Reason: LostTaken}
	}
	return nil
}
