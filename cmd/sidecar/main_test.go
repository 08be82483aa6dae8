//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/kubetest"
	"github.com/mongogate/mongogate/test/must"
)

// rig is what all tests of this package share. Each has a database of its own in it.
var rig struct {
	binary string // built as a release is
	server *devdb.Server
	client *mongo.Client
}

// Nearly all that these tests do is wait for other processes.
const atOnce = "8"

func TestMain(m *testing.M) {
	if file := os.Getenv(asWatcher); file != "" {
		os.Exit(watch(file))
	}
	flag.Parse()
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = flag.Set("test.parallel", atOnce)
	}
	os.Exit(withRig(m))
}

// withRig is TestMain but for the end of the process.
func withRig(m *testing.M) int {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	code := 1
	closeRig, err := openRig(ctx)
	if err == nil {
		fmt.Println(rig.server.Banner())
		code = m.Run()
	}
	if err = errors.Join(err, closeRig()); err == nil {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// openRig starts the server while the binary is built.
func openRig(ctx context.Context) (closeRig func() error, err error) {
	dir, err := os.MkdirTemp("", "mongogate-cli-")
	if err != nil {
		return func() error { return nil }, err
	}
	closeRig = func() error {
		errs := []error{os.RemoveAll(dir)}
		if rig.client != nil {
			errs = append(errs, rig.client.Disconnect(context.Background()))
		}
		if rig.server != nil {
			errs = append(errs, rig.server.Close())
		}
		return errors.Join(errs...)
	}
	// Others may execute it: there is a test of what another user can see.
	if err := os.Chmod(dir, 0o755); err != nil {
		return closeRig, err
	}
	rig.binary = filepath.Join(dir, "mongogate")
	built := make(chan error, 1)
	account := filepath.Join(dir, "account") // of every pod
	if err := kubetest.WriteAccount(account); err != nil {
		return closeRig, err
	}
	go func() { built <- build(ctx, rig.binary, account) }()
	rig.server, err = devdb.Start(ctx, 0)
	if err = errors.Join(err, <-built); err != nil {
		return closeRig, err
	}
	rig.client, err = mongo.Connect(options.Client().ApplyURI(rig.server.URI).SetServerSelectionTimeout(10 * time.Second).SetTimeout(10 * time.Second))
	return closeRig, err
}

// build makes the binary with the flags of the Makefile, and one that puts the service account where we can write.
func build(ctx context.Context, to, account string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w -X github.com/mongogate/mongogate/internal/agent.account="+account, "-o", to, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the binary: %w\n%s", err, out)
	}
	return nil
}

// variables are all variables that a gate reads or hands to its command.
func variables() []string {
	return append(settings.Variables(), "MONGOGATE_HELD", "MONGOGATE_TOKEN", "MONGOGATE_LEASE_FILE", "MONGOGATE_DEADLINE", "MONGOGATE_HOLDER")
}

// gateCommand is the built binary with nothing in its environment but env.
func gateCommand(ctx context.Context, env []string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, rig.binary, args...)
	cmd.Env = env
	return cmd
}

// freePort is a port of loopback that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	l := must.Get(new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	must.Do(t, err)
	return port
}
