package devdb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/event"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"
)

// Primary is host:port of the member that takes writes now, whatever kind of
// URI leads to the server: for a proxy that stands before one member alone.
func (s *Server) Primary(ctx context.Context) (string, error) {
	if members := s.Members(); len(members) == 1 {
		return members[0], nil
	}
	var mu sync.Mutex
	asked := ""
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI).SetConnectTimeout(2 * time.Second).SetServerSelectionTimeout(startTime).
		SetMonitor(&event.CommandMonitor{Started: func(_ context.Context, e *event.CommandStartedEvent) {
			mu.Lock()
			defer mu.Unlock()
			asked, _, _ = strings.Cut(e.ConnectionID, "[-") // host:port[-number]
		}}))
	if err != nil {
		return "", errors.New("devdb: the driver refuses the server's URI")
	}
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "ping", Value: 1}}).Err()
	if err := errors.Join(err, client.Disconnect(context.WithoutCancel(ctx))); err != nil {
		return "", fmt.Errorf("devdb: find the primary of %s: %w", s.Name, err)
	}
	mu.Lock()
	defer mu.Unlock()
	return asked, nil
}

// spelledOut is an SRV string with its hosts, and with the options that its TXT
// record and its scheme stand for, so that it can be pointed at one member. Another string is left as it is.
func spelledOut(uri string) (string, error) {
	rest, ok := strings.CutPrefix(uri, "mongodb+srv://")
	if !ok {
		return uri, nil
	}
	cs, err := connstring.Parse(uri)
	if err != nil {
		return "", errors.New("the hosts of " + uriVariable + " cannot be looked up") // the reason may quote a password
	}
	return withHosts(rest, cs), nil
}

// withHosts is what follows the scheme of an SRV string, with what the parser found out.
func withHosts(rest string, cs *connstring.ConnString) string {
	authority, tail, _ := strings.Cut(rest, "/")
	path, query, _ := strings.Cut(tail, "?")
	user := ""
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user = authority[:at+1]
	}
	var settings []string
	has := map[string]bool{}
	for setting := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(strings.ToLower(setting), "=")
		if name == "" || strings.HasPrefix(name, "srv") {
			continue
		}
		has[name] = true
		settings = append(settings, setting)
	}
	if cs.AuthSource != "" && cs.UsernameSet && !has["authsource"] {
		settings = append(settings, "authSource="+url.QueryEscape(cs.AuthSource))
	}
	if cs.ReplicaSet != "" && !has["replicaset"] {
		settings = append(settings, "replicaSet="+url.QueryEscape(cs.ReplicaSet))
	}
	if !has["tls"] && !has["ssl"] && cs.SSL {
		settings = append(settings, "tls=true")
	}
	return "mongodb://" + user + strings.Join(cs.Hosts, ",") + "/" + path + "?" + strings.Join(settings, "&")
}
