//go:build linux

package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/mongo/readconcern"
	"go.mongodb.org/mongo-driver/v2/mongo/writeconcern"
)

// connect is a client with the settings that pkg/mongolock gives its own, so
// that everybody's connections are alike.
func connect(uri string, monitor *event.CommandMonitor) (*mongo.Client, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetRetryWrites(false).SetRetryReads(false).SetMonitor(monitor))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return client, nil
}

// counter counts the commands that a client sends.
type counter struct{ sent atomic.Int64 }

func (c *counter) monitor() *event.CommandMonitor {
	return &event.CommandMonitor{Started: func(context.Context, *event.CommandStartedEvent) { c.sent.Add(1) }}
}

// database is where everything is written, here and in the other processes.
const database = "mongogate_bench"

// locks is a collection whose writes wait for what those of pkg/mongolock wait for.
func locks(client *mongo.Client, name string) *mongo.Collection {
	concern := writeconcern.Majority()
	journal := true
	concern.Journal = &journal
	return client.Database(database).Collection(name, options.Collection().SetWriteConcern(concern).SetReadConcern(readconcern.Majority()))
}
