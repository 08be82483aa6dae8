//go:build linux

package trials

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/kubetest"
	"github.com/mongogate/mongogate/test/witness"
)

// Binaries are the programs that are tried.
type Binaries struct{ Mongogate, Witness string }

// Build builds them from the module around the working directory into dir. A
// mongogate that is there is taken as it is; "" builds one.
func Build(ctx context.Context, dir, mongogate string) (Binaries, error) {
	b := Binaries{Witness: filepath.Join(dir, "witness")}
	programs := map[string]string{b.Witness: "hack/witness"}
	var err error
	if b.Mongogate, err = filepath.Abs(mongogate); err != nil {
		return b, fmt.Errorf("finding %s: %w", mongogate, err)
	}
	if mongogate == "" {
		b.Mongogate = filepath.Join(dir, "mongogate")
		programs[b.Mongogate] = "cmd/sidecar"
	}
	for out, pkg := range programs {
		if err := build(ctx, out, pkg); err != nil {
			return b, err
		}
	}
	return b, nil
}

// build builds one of them.
func build(ctx context.Context, out, pkg string, flags ...string) error {
	args := slices.Concat([]string{"build", "-o", out}, flags, []string{"github.com/mongogate/mongogate/" + pkg})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, said)
	}
	return nil
}

// Rig is what the trials share: a server, the binaries, an observer, and a directory.
type Rig struct {
	Server *devdb.Server
	Binaries
	Dir string

	observer *witness.Observer
	clock    gate.Clock
	stalls   *stalls
	client   *mongo.Client
	database string // where the locks are; it is dropped at the end
	address  string // of the member that takes writes
	inPod    func() (string, error)
	run      string // makes keys differ from those of another proof on the same server
}

// Open starts a server and builds the binaries, mongogate only if none is named. Close it.
func Open(ctx context.Context, mongogate, database string) (r *Rig, err error) {
	r = &Rig{database: database, clock: gate.BootClock(), run: time.Now().UTC().Format("150405.000")}
	if r.Dir, err = os.MkdirTemp("", "mongogate-prove-"); err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	r.observer, r.stalls = witness.NewObserver(), watchStalls(r.clock)
	opened := r
	defer func() {
		if err != nil { // r is nil by then
			err = errors.Join(err, opened.Close())
		}
	}()
	r.inPod = sync.OnceValues(r.buildInPod)
	if r.Server, err = devdb.Start(ctx, 0); err != nil {
		return nil, err
	}
	if r.Binaries, err = Build(ctx, r.Dir, mongogate); err != nil {
		return nil, err
	}
	r.client, err = mongo.Connect(options.Client().ApplyURI(r.Server.URI).SetServerSelectionTimeout(10 * time.Second).SetTimeout(10 * time.Second))
	if err != nil {
		return nil, fmt.Errorf("prove: connecting: %w", err)
	}
	if r.address, err = r.Server.Primary(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// Close ends the server and removes the directory.
func (r *Rig) Close() error {
	var errs []error
	r.observer.Close()
	r.stalls.close()
	if r.client != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		errs = append(errs, r.Drop(ctx), r.client.Disconnect(ctx))
	}
	if r.Server != nil {
		errs = append(errs, r.Server.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.Dir))...)
}

// buildInPod builds a gate that finds a service account where we can write one.
func (r *Rig) buildInPod() (string, error) {
	account, out := filepath.Join(r.Dir, "account"), filepath.Join(r.Dir, "mongogate-in-pod")
	if err := kubetest.WriteAccount(account); err != nil {
		return "", fmt.Errorf("prove: %w", err)
	}
	return out, build(context.Background(), out, "cmd/sidecar", "-trimpath", "-ldflags", "-s -w -X github.com/mongogate/mongogate/internal/agent.account="+account)
}

// locks is the collection of the trials' locks, past all proxies.
func (r *Rig) locks() *mongo.Collection { return r.client.Database(r.database).Collection("lock") }

// Drop removes all locks.
func (r *Rig) Drop(ctx context.Context) error { return r.client.Database(r.database).Drop(ctx) }
