package linear

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/test/electproxy"
	"github.com/mongogate/mongogate/test/faultproxy"
)

// longer is how long a fault lasts: from a moment to longer than a lease.
func longer(draws *rand.Rand) time.Duration {
	return 100*time.Millisecond + upTo(draws, 1400*time.Millisecond)
}

// networkFaults befall the way to a server.
func networkFaults(p *faultproxy.Proxy) []fault {
	until := func(name string, begin func()) fault {
		return fault{name, func(ctx context.Context, draws *rand.Rand) error {
			begin()
			pause(ctx, longer(draws))
			p.Heal()
			return nil
		}}
	}
	return []fault{
		until("cut off", p.Cut),
		until("network frozen", p.Freeze),
		until("answers lost", p.DropReplies),
		until("slow", func() { p.Delay(60 * time.Millisecond) }),
		{"connections forgotten", func(ctx context.Context, draws *rand.Rand) error {
			p.Forget()
			pause(ctx, upTo(draws, 500*time.Millisecond))
			p.ForgetReplies()
			return nil
		}},
		{"some calls lost", func(ctx context.Context, draws *rand.Rand) error {
			var mu sync.Mutex // connections ask at once
			p.OnRequest(func(string) faultproxy.Action {
				mu.Lock()
				defer mu.Unlock()
				return []faultproxy.Action{faultproxy.DropRequest, faultproxy.DropReply, faultproxy.ResetReply, faultproxy.Pass, faultproxy.Pass, faultproxy.Pass, faultproxy.Pass}[draws.IntN(7)]
			})
			pause(ctx, 1500*time.Millisecond)
			p.OnRequest(nil)
			return nil
		}},
	}
}

// serverFaults befall the process of a server.
func (r *rig) serverFaults(address string) []fault {
	return []fault{
		{"server killed", func(ctx context.Context, draws *rand.Rand) error {
			if err := r.server.Kill(address); err != nil {
				return err
			}
			pause(ctx, upTo(draws, time.Second))
			return r.server.Restart(ctx, address)
		}},
		{"server frozen", func(ctx context.Context, draws *rand.Rand) error {
			if err := r.server.Freeze(address); err != nil {
				return err
			}
			pause(ctx, longer(draws))
			return r.server.Thaw(address)
		}},
	}
}

// electionFaults befall the members that a proxy shows.
func electionFaults(s *electproxy.Set) []fault {
	var all []fault
	for _, f := range electproxy.Faults() {
		all = append(all, fault{f.Name, func(ctx context.Context, draws *rand.Rand) error {
			f.Run(ctx, s, 200*time.Millisecond+upTo(draws, 300*time.Millisecond))
			return nil
		}})
	}
	return all
}

// elections befall real members. Another one is elected 2 s after the primary was heard last.
func (r *rig) elections() []fault {
	primary := func(befalls func(...string) error, back func(context.Context, ...string) error) func(context.Context, *rand.Rand) error {
		return func(ctx context.Context, draws *rand.Rand) error {
			address, err := r.server.Primary(ctx)
			if err != nil {
				return err
			}
			if err := befalls(address); err != nil {
				return err
			}
			pause(ctx, time.Second+upTo(draws, 3*time.Second))
			return back(ctx, address)
		}
	}
	thaw := func(_ context.Context, members ...string) error { return r.server.Thaw(members...) }
	return []fault{
		{"step-down", func(ctx context.Context, _ *rand.Rand) error { return r.stepDown(ctx) }},
		{"kill of the primary", primary(r.server.Kill, r.server.Restart)},
		{"primary frozen", primary(r.server.Freeze, thaw)},
		{"restart of all", func(ctx context.Context, _ *rand.Rand) error {
			if err := r.server.Kill(); err != nil {
				return err
			}
			return r.server.Restart(ctx)
		}},
	}
}

// stepDown asks the primary to give up its role. The answer may be the end of the connection.
func (r *rig) stepDown(ctx context.Context) error {
	client, err := mongo.Connect(options.Client().ApplyURI(r.server.URI).SetServerSelectionTimeout(10 * time.Second))
	if err != nil {
		return errors.New("the driver refuses the server's URI") // its reason may quote a password
	}
	err = client.Database("admin").RunCommand(ctx, bson.D{{Key: "replSetStepDown", Value: 5}, {Key: "secondaryCatchUpPeriodSecs", Value: 1}, {Key: "force", Value: true}}).Err()
	if mongo.IsNetworkError(err) {
		err = nil
	}
	if end := client.Disconnect(context.WithoutCancel(ctx)); err == nil {
		err = end
	}
	return err
}
