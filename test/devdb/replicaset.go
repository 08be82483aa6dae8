package devdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
)

// setName is the name of our replica sets.
const setName = "devdb"

// replicaSet is a server of three members.
type replicaSet struct {
	keeper *keeper
	ports  []int
	args   []string                   // more arguments for each mongod
	uri    func(member string) string // to one member alone
}

func (r *replicaSet) members() []string {
	var all []string
	for _, port := range r.ports {
		all = append(all, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	}
	return all
}

func (r *replicaSet) up(ctx context.Context, members []string) error {
	if err := r.keeper.each(members, "start", r.args...); err != nil {
		return err
	}
	return r.poll(ctx, members[0], "wait for every member", settled(members))
}

func (r *replicaSet) kill(members []string) error   { return r.keeper.each(members, "kill") }
func (r *replicaSet) freeze(members []string) error { return r.keeper.each(members, "stop") }
func (r *replicaSet) thaw(members []string) error   { return r.keeper.each(members, "cont") }
func (r *replicaSet) close() error                  { return errors.Join(r.kill(r.members()), r.keeper.end()) }

// create starts the members for the first time, makes a set of them, and its
// first user if there is to be one.
func (r *replicaSet) create(ctx context.Context, secrets *secrets) error {
	all := r.members()
	if err := r.keeper.each(all, "start", r.args...); err != nil {
		return err
	}
	var list bson.A
	for i, member := range all {
		list = append(list, bson.D{{Key: "_id", Value: i}, {Key: "host", Value: member}})
	}
	config := bson.D{
		{Key: "_id", Value: setName},
		{Key: "members", Value: list},
		// Short, so that tests of elections are.
		{Key: "settings", Value: bson.D{{Key: "electionTimeoutMillis", Value: 2000}, {Key: "heartbeatIntervalMillis", Value: 500}}},
	}
	initiate := func(ctx context.Context, client *mongo.Client) error {
		return client.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetInitiate", Value: config}}).Err()
	}
	if err := r.poll(ctx, all[0], "make the set", initiate); err != nil {
		return err
	}
	if err := r.poll(ctx, all[0], "wait for every member", settled(all)); err != nil {
		return err
	}
	if !secrets.auth() {
		return nil
	}
	// The first user is made while nobody is asked who they are.
	if err := withClient(ctx, secrets.uri(all, setName, false), secrets.addRoot); err != nil {
		return err
	}
	if err := r.kill(all); err != nil {
		return err
	}
	r.args = append(r.args, "--keyFile", secrets.keyFile)
	return nil
}

// settled tells whether there is a primary and some members follow it, or are it.
func settled(members []string) func(context.Context, *mongo.Client) error {
	return func(ctx context.Context, client *mongo.Client) error {
		var status struct {
			Members []struct {
				Name  string `bson:"name"`
				State int    `bson:"state"`
			} `bson:"members"`
		}
		if err := client.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetGetStatus", Value: 1}}).Decode(&status); err != nil {
			return err
		}
		const primary, secondary = 1, 2
		primaries := 0
		for _, member := range status.Members {
			if member.State == primary {
				primaries++
			} else if member.State != secondary && slices.Contains(members, member.Name) {
				return fmt.Errorf("%s is in state %d", member.Name, member.State)
			}
		}
		if primaries == 0 {
			return errors.New("there is no primary")
		}
		return nil
	}
}

// poll repeats a task at one member until it succeeds. The error has the end
// of every member's log.
func (r *replicaSet) poll(ctx context.Context, member, what string, task func(context.Context, *mongo.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*startTime)
	defer cancel()
	for {
		err := withClient(ctx, r.uri(member), task)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			log, logErr := r.keeper.order("log")
			return errors.Join(fmt.Errorf("%s: %w\n%s", what, err, log), logErr)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
