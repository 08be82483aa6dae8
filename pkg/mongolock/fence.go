package mongolock

import (
	"context"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// Fence is a fencing token at work in the caller's own collection: a write
// that goes through it is refused where a later holder has written before. This protects what
// the lock alone cannot: a holder that was frozen in the middle of a write.
//
//	f := mongolock.Fence(lease.Token())
//	r, err := coll.UpdateOne(ctx, f.Filter(bson.D{{"_id", id}}), f.Update(bson.D{{"$set", change}}))
//	// r.MatchedCount == 0: the document is not there, or a later holder has written it
//
// Every writer of the document must go through it. The field is "fence".
type Fence int64

// FenceField is the field that fenced documents carry.
const FenceField = "fence"

// Filter adds to a filter that no later holder has written the document.
func (f Fence) Filter(filter bson.D) bson.D {
	return append(append(bson.D{}, filter...), bson.E{Key: FenceField, Value: bson.D{{Key: "$not", Value: bson.D{{Key: "$gt", Value: int64(f)}}}}})
}

// Update adds to an update of operators that the document remembers the token.
func (f Fence) Update(update bson.D) bson.D {
	out := make(bson.D, 0, len(update)+1)
	token := bson.E{Key: FenceField, Value: int64(f)}
	merged := false
	for _, e := range update {
		if set, ok := e.Value.(bson.D); ok && e.Key == "$max" {
			e.Value = append(append(bson.D{}, set...), token)
			merged = true
		}
		out = append(out, e)
	}
	if !merged {
		out = append(out, bson.E{Key: "$max", Value: bson.D{token}})
	}
	return out
}

// IsHeld proves by a write that the store still has this lease. With a context
// of the caller's own session or transaction, of whatever client on the same cluster, it belongs to that: the transaction then
// commits only if nobody took the lease meanwhile. It returns a [*LostError] where the lease is gone.
func (s *Lease) IsHeld(ctx context.Context) error {
	filter := bson.D{{Key: "_id", Value: s.key}, {Key: "nonce", Value: s.nonce}, {Key: "state", Value: stateHeld}}
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
