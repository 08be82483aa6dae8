//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
)

// User is who signs in to a database, made in the database Source.
type User struct{ Name, Password, Source string }

// As is the connection string of a server for another user.
func (u User) As(uri string) (string, error) {
	at, err := url.Parse(uri)
	if err != nil {
		return "", errors.New("lab: the connection string cannot be read") // and is not quoted
	}
	at.User = url.UserPassword(u.Name, u.Password)
	query := at.Query()
	query.Set("authSource", u.Source)
	at.RawQuery = query.Encode()
	return at.String(), nil
}

// Run runs a command in a database, past all proxies; with the rights of the
// server's own user, or of another.
func (d *Database) Run(ctx context.Context, as *User, database string, command bson.D) error {
	uri := d.Server.URI
	if as != nil {
		var err error
		if uri, err = as.As(uri); err != nil {
			return err
		}
	}
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetTimeout(20 * time.Second))
	if err != nil {
		return errors.New("lab: the driver refuses the connection string")
	}
	defer func() { _ = client.Disconnect(context.WithoutCancel(ctx)) }()
	if err := client.Database(database).RunCommand(ctx, command).Err(); err != nil {
		return fmt.Errorf("lab: %s: %w", command[0].Key, err)
	}
	return nil
}
