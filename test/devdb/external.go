package devdb

import (
	"context"
	"errors"
	"os"
	"strings"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

const (
	uriVariable    = "MONGOGATE_TEST_URI"
	mongodVariable = "MONGOGATE_MONGOD"
)

// startExternal takes the server that MONGOGATE_TEST_URI names, and finds out
// what it can do without changing anything on it. It is never killed nor made
// to step down, so it lacks both.
func startExternal(ctx context.Context, _ Options) (*Server, error) {
	uri := strings.TrimSpace(os.Getenv(uriVariable))
	if uri == "" {
		return nil, errors.New(uriVariable + " is not set")
	}
	uri, err := spelledOut(uri)
	if err != nil {
		return nil, err
	}
	server := &Server{URI: uri, Name: "MongoDB", Kind: External}
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	err = withClient(ctx, uri, func(ctx context.Context, client *mongo.Client) error {
		settings := options.Client().ApplyURI(uri)
		if settings.Auth != nil {
			server.Features |= Auth
		}
		if settings.TLSConfig != nil {
			server.Features |= TLS
		}
		admin := client.Database("admin")
		var hello struct {
			SetName string `bson:"setName"`
			Msg     string `bson:"msg"`
		}
		if err := admin.RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello); err != nil {
			return err
		}
		if hello.SetName != "" || hello.Msg == "isdbgrid" {
			server.Features |= ChangeStreams
		}
		// Switching off what is off is refused where there are no fail points.
		off := bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "off"}}
		if admin.RunCommand(ctx, off).Err() == nil {
			server.Features |= FailPoints
		}
		return nil
	})
	return server, err
}
