package sim

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/fakemongo"
)

// servers are where the lock is: a replica set, with its network.
type servers interface {
	Cut(process int, off bool)
	Isolate(serves ...int)
	Elect(now func() time.Time)
	Rejoin()
	Close()
	// history is every write that the majority has, in order, and how many were rolled back.
	history() (writes []write, rolledBack int)
	// locker makes what a process has of the lock. end ends it; once dead is set nothing more is sent.
	locker(m *machine, dead *atomic.Bool, o mongolock.Options) (l *mongolock.Locker, end func(), err error)
}

// locker is over the store's seam.
func (r *replica) locker(m *machine, dead *atomic.Bool, o mongolock.Options) (l *mongolock.Locker, end func(), err error) {
	l, err = mongolock.NewWithStore(&cable{replica: r, machine: m, process: m.number, dead: dead}, o)
	return l, func() { _ = l.Close(context.Background()) }, err
}

// driven is a replica set that is reached by the real driver, over the wire.
type driven struct{ *fakemongo.Cluster }

func (d driven) history() (writes []write, rolledBack int) {
	for _, e := range d.Log() {
		key, _ := e.ID.(string)
		writes = append(writes, write{key, e.Before, e.After})
	}
	return writes, len(d.RolledBack())
}

// locker has a client as mongolock.Connect makes it, over the simulated network.
func (d driven) locker(m *machine, dead *atomic.Bool, o mongolock.Options) (*mongolock.Locker, func(), error) {
	t := o.Timing.WithDefaults()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://fakemongo:27017/?directConnection=true").
		SetDialer(&wire{dialer: d.Dialer(m.number), dead: dead, machine: m}).SetServerMonitoringMode("poll").SetRetryWrites(false).SetRetryReads(false).
		SetConnectTimeout(t.Operation).SetServerSelectionTimeout(t.Operation).SetHeartbeatInterval(t.Heartbeat))
	if err != nil {
		return nil, nil, fmt.Errorf("client of process %d: %w", m.number, err)
	}
	l, err := mongolock.New(client.Database("mongolock").Collection("lock"), o)
	return l, func() {
		if l != nil {
			_ = l.Close(context.Background())
		}
		// Without a deadline: with one the driver asks without a pause whether every connection has come back
		// (pool.close of driver 2.9.3), and time in a bubble stands still meanwhile.
		_ = client.Disconnect(context.Background())
	}, err
}
