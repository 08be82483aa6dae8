//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"

	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/pkg/mongolock"
)

// ours is pkg/mongolock: one who acquires, and one who is refused, as two processes would.
type ours struct {
	coll          *mongo.Collection
	holder, other *mongolock.Locker
}

const (
	oursKey = "ours"
	oursNew = "ours-new" // has no document when it is acquired
)

// as is an identity as a pod has it, so that the documents are of a real size.
var as = mongolock.Holder{
	Cluster: "cluster-a", Namespace: "reports", Pod: "reports-28312345-x7k2p", PodUID: "5b1e4c36-6f1c-4a44-9a0c-1f1f7c3f3a10",
	Node: "node-1", Job: "reports", JobUID: "c2c5d8f0-3f0e-4a5e-9f61-6a1f1c0f2b77",
}

func newOurs(coll *mongo.Collection) (*ours, error) {
	o := &ours{coll: coll}
	var errs []error
	for _, l := range []struct {
		to    **mongolock.Locker
		owner string
	}{{&o.holder, "holder"}, {&o.other, "other"}} {
		locker, err := mongolock.New(coll, mongolock.Options{Owner: l.owner, Holder: as})
		*l.to = locker
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

func (o *ours) close(ctx context.Context) error {
	return errors.Join(o.holder.Close(ctx), o.other.Close(ctx))
}

// refuse tries a held key and wants to be refused.
func (o *ours) refuse(ctx context.Context) error {
	_, err := o.other.Try(ctx, oursKey)
	var held *mongolock.HeldError
	if !errors.As(err, &held) {
		return fmt.Errorf("a second holder got in (%w)", err)
	}
	return nil
}
