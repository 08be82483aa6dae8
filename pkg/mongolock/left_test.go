package mongolock

import (
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

// TestP5_DocumentNotAsItWasLeft: a renewal that finds anything but what the lease left is a loss, in the same one command.
func TestP5_DocumentNotAsItWasLeft(t *testing.T) {
	set := func(fields ...bson.E) bson.D { return bson.D{{Key: "$set", Value: bson.D(fields)}} }
	for name, c := range map[string]struct {
		change bson.D
		want   LossReason
	}{
		"locked false":      {set(bson.E{Key: "locked", Value: false}), LostTaken},
		"locked 1":          {set(bson.E{Key: "locked", Value: int32(1)}), LostTaken},
		"locked gone":       {bson.D{{Key: "$unset", Value: bson.D{{Key: "locked", Value: 1}}}}, LostTaken},
		"another owner":     {set(bson.E{Key: "owner", Value: "b"}), LostTaken},
		"no owner":          {set(bson.E{Key: "owner", Value: nil}), LostTaken},
		"another nonce":     {set(bson.E{Key: "nonce", Value: "B"}), LostTaken},
		"no nonce":          {bson.D{{Key: "$unset", Value: bson.D{{Key: "nonce", Value: 1}}}}, LostTaken},
		"state free":        {set(bson.E{Key: "state", Value: "free"}), LostTaken},
		"state done":        {set(bson.E{Key: "state", Value: "done"}), LostTaken},
		"expire back":       {set(bson.E{Key: "expire", Value: time.Unix(0, 0)}), LostTaken},
		"expire later":      {set(bson.E{Key: "expire", Value: time.Now().Add(1000 * time.Hour)}), LostTaken},
		"expire null":       {set(bson.E{Key: "expire", Value: nil}), LostTaken},
		"expire a string":   {set(bson.E{Key: "expire", Value: "soon"}), LostTaken},
		"touched a number":  {set(bson.E{Key: "touched", Value: int64(1)}), LostTaken},
		"another token":     {set(bson.E{Key: "token", Value: int64(5)}), LostTaken},
		"a token of a type": {nil, LostTaken},
		"no token":          {bson.D{{Key: "$unset", Value: bson.D{{Key: "token", Value: 1}}}}, LostTaken},
		"another ttl":       {set(bson.E{Key: "ttlMs", Value: int64(1)}), LostTaken},
		"another grace":     {set(bson.E{Key: "graceMs", Value: int64(1)}), LostTaken},
		"a later format":    {set(bson.E{Key: "v", Value: int32(2)}), LostTaken},
		"a beat of a type":  {set(bson.E{Key: "beat", Value: "x"}), LostTaken},
		"a double beat":     {set(bson.E{Key: "beat", Value: 1e300}), LostTaken},
		"a beat gone back":  {set(bson.E{Key: "beat", Value: int64(0)}), LostTaken},
		"a larger beat":     {set(bson.E{Key: "beat", Value: int64(1000)}), LostTwin},
		"the next beat":     {set(bson.E{Key: "beat", Value: int64(4)}), LostTwin}, // two renewals, the test's, and one that it did not send
		"another mark":      {set(bson.E{Key: "mark", Value: int64(77)}), LostTwin},
		"no mark":           {bson.D{{Key: "$unset", Value: bson.D{{Key: "mark", Value: 1}}}}, LostTaken},
		"revoked":           {set(bson.E{Key: "revoked", Value: true}), LostTaken},
	} {
		runInBubble(t, name, func(t *testing.T, w *world) {
			l := w.locker(t, 0)
			lease := kept(t)(l.Try(t.Context(), "key"))
			time.Sleep(12 * time.Second) // two renewals, and the next is 3 s away
			must.Do(t, lease.Renew(t.Context()))
			if c.change == nil {
				c.change = set(bson.E{Key: "token", Value: float64(lease.Token())})
			}
			r, err := l.conn.current().coll.UpdateOne(t.Context(), bsonKey("key"), c.change)
			if err != nil || r.ModifiedCount != 1 {
				t.Fatalf("%+v, %v", r, err)
			}
			before := len(w.sent(0))
			lostWith(t, lease.Renew(t.Context()), c.want)
			if sent := w.sent(0)[before:]; len(sent) == 0 || sent[0].Command != "findAndModify" {
				t.Errorf("sent %+v", sent)
			}
			lostBy(t, "the lease", lease, c.want)
		})
	}
}

// TestP5_RestoredStoreIsALoss: the store has forgotten a renewal that a majority acknowledged.
func TestP5_RestoredStoreIsALoss(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		l := w.locker(t, 0)
		lease := kept(t)(l.Try(t.Context(), "key"))
		old := w.cluster.Document(DefaultDatabase+"."+DefaultCollection, "key")
		time.Sleep(22 * time.Second)
		must.Get(l.conn.current().coll.ReplaceOne(t.Context(), bsonKey("key"), old))(t)
		lostWith(t, lease.Renew(t.Context()), LostTaken)
	})
}
