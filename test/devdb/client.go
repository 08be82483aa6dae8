package devdb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// ready waits until the server answers as one that takes writes, and notes its version.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return withClient(ctx, s.URI, func(ctx context.Context, client *mongo.Client) error {
		// The driver waits for a primary.
		var info struct {
			Version string `bson:"version"`
		}
		for {
			err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info)
			if err == nil {
				s.Version = info.Version
				return nil
			}
			// On a machine that has no time for it a server begins to listen long before it answers.
			if !mongo.IsNetworkError(err) && !mongo.IsTimeout(err) || ctx.Err() != nil {
				return fmt.Errorf("ask for the version: %w", err)
			}
		}
	})
}

// withClient lends a client for one task.
func withClient(ctx context.Context, uri string, task func(context.Context, *mongo.Client) error) (err error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).
		SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(startTime))
	if err != nil {
		// The driver's reason may quote the URI, and there may be a password in it.
		return errors.New("the driver refuses the server's URI")
	}
	defer func() { err = errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))) }()
	return task(ctx, client)
}
