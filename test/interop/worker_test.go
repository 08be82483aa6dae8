package interop

import (
	"bufio"
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.uber.org/goleak"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

//go:embed worker.py
var workerProgram string

// servers are every kind of test server that is here: the one of choice, and SecantusDB beside it.
var servers []*devdb.Server //nolint:gochecknoglobals // the tests' servers, started once

var interpreter string //nolint:gochecknoglobals // of the environment with the library

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	err := prepare(ctx)
	if err == nil {
		code = m.Run()
	}
	for _, s := range servers {
		err = errors.Join(err, drop(s), s.Close())
	}
	if err = errors.Join(err, goleak.Find()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

func prepare(ctx context.Context) (err error) {
	if interpreter, err = devdb.PythonEnv(ctx); err != nil {
		return err
	}
	for _, need := range []devdb.Need{0, devdb.ChangeStreams} {
		s, err := devdb.Start(ctx, need)
		if err != nil {
			return err
		}
		fmt.Println(s.Banner())
		servers = append(servers, s)
		if len(s.Missing(devdb.ChangeStreams)) == 0 {
			break // the first has everything
		}
	}
	return nil
}

// database is this run's: a server of the user's own may have been used before.
var database = "mongogate_interop_" + strings.ToLower(rand.Text()[:8]) //nolint:gochecknoglobals // a constant

func drop(s *devdb.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	client, err := mongo.Connect(options.Client().ApplyURI(s.URI))
	if err != nil {
		return err
	}
	return errors.Join(client.Database(database).Drop(ctx), client.Disconnect(ctx))
}

// meeting is one collection that both sides use.
type meeting struct {
	server *devdb.Server
	name   string
	coll   *mongo.Collection
}

// onEach runs a test on every server.
func onEach(t *testing.T, test func(t *testing.T, m *meeting)) {
	for _, s := range servers {
		t.Run(string(s.Kind), func(t *testing.T) {
			client := must.Get(mongo.Connect(options.Client().ApplyURI(s.URI)))(t)
			must.AtEnd(t, func() error { return client.Disconnect(context.Background()) })
			name := strings.ReplaceAll(t.Name(), "/", "_")
			test(t, &meeting{server: s, name: name, coll: client.Database(database).Collection(name)})
		})
	}
}

// timing leaves two busy cores room.
func timing() mongolock.Timing {
	return mongolock.Timing{TTL: 3 * time.Second, AllowShort: true}.WithDefaults()
}

// locker is our side.
func (m *meeting) locker(t *testing.T, owner string, change ...func(*mongolock.Options)) *mongolock.Locker {
	t.Helper()
	o := mongolock.Options{Database: database, Collection: m.name, Owner: owner, Timing: timing(), Poll: 50 * time.Millisecond}
	for _, c := range change {
		c(&o)
	}
	l := must.Get(mongolock.Connect(m.server.URI, o))(t)
	devdbtest.CloseLater(t, l)
	return l
}

// doc is the stored document.
func (m *meeting) doc(t *testing.T, key string) bson.M {
	t.Helper()
	var doc bson.M
	must.Do(t, m.coll.FindOne(t.Context(), bson.D{{Key: "_id", Value: key}}).Decode(&doc))
	return doc
}

// worker is their side: a Python process.
type worker struct {
	t       *testing.T
	process *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	stderr  *strings.Builder
}

func (m *meeting) worker(t *testing.T) *worker {
	t.Helper()
	w := &worker{t: t, process: exec.Command(interpreter, "-c", workerProgram), stderr: &strings.Builder{}}
	w.process.Env = append(os.Environ(), "PYTHONWARNINGS=ignore",
		"PYTHON_WORKER_URI="+m.server.URI, "PYTHON_WORKER_DB="+database, "PYTHON_WORKER_COLLECTION="+m.name)
	w.process.Stderr = w.stderr
	in := must.Get(w.process.StdinPipe())(t)
	out := must.Get(w.process.StdoutPipe())(t)
	must.Do(t, w.process.Start())
	w.in, w.out = in, bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = in.Close()
		if err := w.process.Wait(); err != nil {
			t.Errorf("the Python worker: %v\n%s", err, w.stderr)
		}
	})
	return w
}

// pyError is an exception of the library.
type pyError struct{ class, text string }

func (e *pyError) Error() string { return e.class + ": " + e.text }

// args are a call's keyword arguments.
type args map[string]any

// try calls a function of the library.
func (w *worker) try(do string, a args) (any, error) {
	request := map[string]any{"do": do}
	for k, v := range a {
		request[k] = v
	}
	line, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := w.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("the Python worker: %w\n%s", err, w.stderr)
	}
	if !w.out.Scan() {
		return nil, fmt.Errorf("the Python worker says no more: %w", w.out.Err())
	}
	var answer struct {
		Result      any
		Error, Text string
	}
	if err := json.Unmarshal(w.out.Bytes(), &answer); err != nil {
		return nil, err
	}
	if answer.Error != "" {
		return nil, &pyError{answer.Error, answer.Text}
	}
	return answer.Result, nil
}

// call is try that must not raise.
func (w *worker) call(do string, a args) any {
	w.t.Helper()
	r, err := w.try(do, a)
	if err != nil {
		w.t.Fatalf("Python %s: %v", do, err)
	}
	return r
}

// lock is the library's, for a second at most where waited for.
func (w *worker) lock(key, owner string, expire any) bool {
	w.t.Helper()
	return w.call("lock", args{"key": key, "owner": owner, "expire": expire}) == true
}

func (w *worker) release(key, owner string) {
	w.t.Helper()
	w.call("release", args{"key": key, "owner": owner})
}

// released is the lease, released at the end if it still stands.
func released(t *testing.T, lease *mongolock.Lease, err error) *mongolock.Lease {
	t.Helper()
	must.Do(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := lease.Release(ctx); err != nil && !errors.Is(err, mongolock.ErrLost) && !errors.Is(err, mongo.ErrClientDisconnected) {
			t.Error(err)
		}
	})
	return lease
}

// soon ends when something hangs.
func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
