//go:build linux

package trials

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/internal/proctree"
	"github.com/mongogate/mongogate/internal/statedir"
	"github.com/mongogate/mongogate/test/witness"
)

// Order says how a gate is started.
type Order struct {
	// ID names the workload for the witness, Key what is locked, Owner who is shown as holder.
	ID, Key, Owner string
	// URI and Database are where the locks are, State is the state directory: gates with different ones are on different machines.
	URI, Database, State string
	// Flags are more of mongogate run.
	Flags []string
	Work  witness.Work
	// User is whom the gate runs as, where it is not ours: a user that nobody else is.
	User int
	// Stderr is its standard error, where that is not its log. Env is more of its environment.
	Stderr *os.File
	Env    []string
	// Binary is the gate's, where it is not the one that is tried.
	Binary string
}

// Gate is a process `mongogate run` with its guard and its workload.
type Gate struct {
	Order
	log    string // path of its standard error
	cmd    *exec.Cmd
	guard  proctree.Process
	ended  chan struct{}
	waited error
}

// start starts a gate, its log in dir. It is killed when the caller's process ends.
func (b Binaries) start(o Order, dir string) (*Gate, error) {
	g := &Gate{Order: o, log: filepath.Join(dir, o.ID+".log"), ended: make(chan struct{})}
	args := append([]string{"run", "--key", o.Key, "--state-dir", o.State, "--owner", o.Owner, "--database", o.Database}, o.Flags...)
	key, _, _ := strings.Cut(o.Key, "@")
	// The marks are set behind the gate, so that gate and guard do not bear them.
	args = append(args, "--", "env", witness.EnvID+"="+o.ID, witness.EnvKey+"="+key, b.Witness)
	g.cmd = exec.Command(cmp.Or(o.Binary, b.Mongogate), append(args, o.Work.Args()...)...) // ended by Clear
	g.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "MONGOGATE_URI=" + o.URI}, o.Env...)
	// A group of its own: ^C is for us. The kernel kills it with the thread that has started it.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if o.User != 0 {
		g.cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(o.User), Gid: uint32(o.User)}
	}
	log, err := os.Create(g.log)
	if err != nil {
		return nil, fmt.Errorf("prove: %w", err)
	}
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if o.Stderr != nil {
		g.cmd.Stderr = o.Stderr
	}
	started := make(chan error)
	go func() { // waited for by Clear
		defer close(g.ended)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := g.cmd.Start()
		started <- errors.Join(err, log.Close())
		if err == nil {
			g.waited = g.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("prove: starting gate %s: %w", o.ID, err)
	}
	return g, nil
}

// PID is the gate's own.
func (g *Gate) PID() int { return g.cmd.Process.Pid }

// Signal sends a signal to the gate's own process.
func (g *Gate) Signal(sig syscall.Signal) error { return g.cmd.Process.Signal(sig) }

// Ended is closed when the gate's own process has ended.
func (g *Gate) Ended() <-chan struct{} { return g.ended }

// HasEnded says so without waiting.
func (g *Gate) HasEnded() bool {
	select {
	case <-g.ended:
		return true
	default:
		return false
	}
}

// Code is the exit code of a gate that has ended, -1 after a signal.
func (g *Gate) Code() int { return g.cmd.ProcessState.ExitCode() }

// Said is what it has logged so far.
func (g *Gate) Said() string {
	b, err := os.ReadFile(g.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// FindGuard remembers the gate's guard, which runs once the workload does.
func (g *Gate) FindGuard() (proctree.Process, error) {
	all, err := proctree.Descendants(g.PID())
	if err != nil {
		return proctree.Process{}, err
	}
	for _, p := range all {
		if p.PPID == g.PID() {
			g.guard = p
			return p, nil
		}
	}
	return proctree.Process{}, fmt.Errorf("gate %s (process %d) has no guard", g.ID, g.PID())
}

// Lives is nil while something of its workload is in the table of processes.
func (g *Gate) Lives() error {
	work, err := witness.Processes(g.ID)
	if err == nil && len(work) == 0 {
		err = fmt.Errorf("%w: nothing is left of %s", errDisturbed, g.ID)
	}
	return err
}

// KillEverything is kill -9 of gate, guard and workload at once.
func (g *Gate) KillEverything() error {
	guard, err := g.FindGuard()
	if err != nil {
		return err
	}
	work, err := witness.Processes(g.ID)
	if err != nil {
		return err
	}
	errs := []error{g.Signal(syscall.SIGKILL), guard.Signal(syscall.SIGKILL)}
	for _, p := range work {
		errs = append(errs, p.Signal(syscall.SIGKILL))
	}
	for _, err := range errs {
		if err != nil && !errors.Is(err, proctree.ErrGone) {
			return err
		}
	}
	return nil
}

// Lease is the gate's lease file. The key may be a template: the state
// directory is that of one gate, and has one key's directory in it.
func (g *Gate) Lease() (statedir.Lease, error) {
	keys, err := os.ReadDir(g.State)
	if err == nil && len(keys) != 1 {
		err = fmt.Errorf("%d keys in state directory %s, want one", len(keys), g.State)
	}
	if err != nil {
		return statedir.Lease{}, fmt.Errorf("prove: %w", err)
	}
	key, err := url.PathUnescape(keys[0].Name())
	if err != nil {
		return statedir.Lease{}, fmt.Errorf("prove: %w", err)
	}
	d, err := statedir.Open(g.State, key)
	if err != nil {
		return statedir.Lease{}, err
	}
	return d.ReadLease()
}

// Left names what still lives of a gate that should be gone.
func (g *Gate) Left() []string {
	var left []string
	if !g.HasEnded() {
		left = append(left, fmt.Sprintf("gate %s (process %d)", g.ID, g.PID()))
	}
	if p, err := proctree.Look(g.guard.PID); g.guard.PID != 0 && err == nil && p.Start == g.guard.Start && p.Alive() {
		left = append(left, fmt.Sprintf("guard of %s (process %d)", g.ID, p.PID))
	}
	if work, err := witness.Processes(g.ID); err != nil || len(work) > 0 {
		left = append(left, fmt.Sprintf("workload %s (%d processes, %v)", g.ID, len(work), err))
	}
	return left
}

// Clear ends what is left, whatever state it is in.
func (g *Gate) Clear() {
	for {
		if !g.HasEnded() {
			_ = g.Signal(syscall.SIGKILL)
		}
		if g.guard.PID != 0 {
			_ = g.guard.Signal(syscall.SIGKILL)
		}
		work, _ := witness.Processes(g.ID)
		for _, p := range work {
			_ = p.Signal(syscall.SIGKILL)
		}
		if len(g.Left()) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
