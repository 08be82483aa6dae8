//go:build unix

package devdb

import (
	"net"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/mongogate/mongogate/test/must"
)

// TestFeaturesAreSo: what a server is said to have it has, and what it is said
// to lack it lacks. (Sign-in and TLS: TestSignInAndTLS. Restart: TestKillKeepsAcknowledgedWrites.)
func TestFeaturesAreSo(t *testing.T) {
	for _, kind := range []Kind{Engine, Secantus} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{})
			c := collection(t, server)
			admin := c.Database().Client().Database("admin")
			// In this order: a server that has stepped down does nothing else for a while.
			for _, feature := range []struct {
				need  Need
				probe func() error
			}{
				{ChangeStreams, func() error {
					stream, err := c.Watch(t.Context(), mongo.Pipeline{})
					if err == nil {
						err = stream.Close(t.Context())
					}
					return err
				}},
				{FailPoints, func() error {
					return admin.RunCommand(t.Context(), bson.D{{Key: "configureFailPoint", Value: "failCommand"}, {Key: "mode", Value: "off"}}).Err()
				}},
				{StepDown, func() error {
					return admin.RunCommand(t.Context(), bson.D{{Key: "replSetStepDown", Value: 1}, {Key: "force", Value: true}}).Err()
				}},
			} {
				err := feature.probe()
				if has := server.Missing(feature.need) == nil; has != (err == nil) {
					t.Errorf("%s is said to be there: %t; tried: %v", feature.need, has, err)
				}
			}
		})
	}
}

func TestFreezeAndThaw(t *testing.T) {
	for _, kind := range []Kind{Engine, Secantus} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{})
			must.Do(t, server.Freeze())
			if answers(t.Context(), server.URI) {
				t.Error("a frozen server has answered")
			}
			must.Do(t, server.Thaw())
			must.Happen(t, "a thawed server answers", func() bool { return answers(t.Context(), server.URI) })
		})
	}
}

func TestPortThatIsAskedFor(t *testing.T) {
	ports := must.Get(threePorts(0))(t)
	server := started(t, Engine, Options{Port: ports[0]})
	_, err := StartKind(t.Context(), Engine, Options{Port: ports[0]})
	if err == nil {
		t.Error("two servers on one port")
	}
	t.Log(err)
	if !answers(t.Context(), server.URI) {
		t.Error("the first does not answer any more")
	}
}

// TestRestartWaitsForItsPort: somebody else has it while the server is away.
func TestRestartWaitsForItsPort(t *testing.T) {
	for _, kind := range []Kind{Engine, Secantus} {
		t.Run(string(kind), func(t *testing.T) {
			server := started(t, kind, Options{})
			must.Do(t, server.Kill())
			other := must.Get(net.Listen("tcp", server.Addr()))(t)
			restarted := make(chan error, 1)
			go func() { restarted <- server.Restart(t.Context()) }()
			select {
			case err := <-restarted:
				t.Errorf("restarted on a port that another has: %v", err)
			case <-time.After(time.Second):
			}
			must.Do(t, other.Close())
			if err := <-restarted; err != nil {
				t.Error(err)
			}
		})
	}
}
