//go:build linux

package podworkload

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/internal/proctree"
)

// gateName is the name of a gate's program. By itself it proves nothing: any process may call itself so.
const gateName = "mongogate"

// gates knows the other gates of a pod, which have locks of their own.
type gates struct {
	known map[identity]bool
}

// identity names one process and what it runs: a script of a gate's name that ends in exec of the gate is one process, and two programs.
type identity struct {
	pid      int
	start    uint64
	dev, ino uint64
}

// is tells a gate from a process that has its name: its program is ours, byte for byte, or cannot be read, although its user is ours or
// root: a gate shows nobody its memory, and so not its program. A process that hides like that under this name is taken for one.
func (g *gates) is(p proctree.Process) bool {
	if p.Comm != gateName {
		return false
	}
	exe, err := p.OpenExe()
	if errors.Is(err, fs.ErrPermission) {
		hidden, err := p.Hidden()
		return err == nil && hidden
	}
	if err != nil {
		return false
	}
	defer exe.Close()
	var file unix.Stat_t
	if err := unix.Fstat(int(exe.Fd()), &file); err != nil {
		return false
	}
	id := identity{p.PID, p.Start, file.Dev, file.Ino}
	if same, found := g.known[id]; found {
		return same
	}
	same, err := ownProgram(exe)
	if err != nil {
		return false // to be looked at again
	}
	if len(g.known) > 1000 {
		clear(g.known)
	}
	g.known[id] = same
	return same
}

// ownProgram compares a program with ours. The files differ, for each container has a copy.
func ownProgram(exe *os.File) (bool, error) {
	own, err := os.Open("/proc/self/exe")
	if errors.Is(err, fs.ErrPermission) { // ours cannot be read, so what can be read is not ours
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("opening our own program: %w", err)
	}
	defer own.Close()
	a, errA := own.Stat()
	b, errB := exe.Stat()
	if err := errors.Join(errA, errB); err != nil {
		return false, fmt.Errorf("comparing programs: %w", err)
	}
	if os.SameFile(a, b) || a.Size() != b.Size() {
		return a.Size() == b.Size(), nil
	}
	one, errA := digest(own)
	other, errB := digest(exe)
	if err := errors.Join(errA, errB); err != nil {
		return false, fmt.Errorf("comparing programs: %w", err)
	}
	return one == other, nil
}

func digest(f *os.File) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	_, err = io.Copy(h, f)
	return [sha256.Size]byte(h.Sum(nil)), err
}

// ErrTwoKill says that another gate of the pod kills: each would end the other's workload.
var ErrTwoKill = errors.New("another gate of this pod has the protection kill already, and each would end the other's workload: give one of them another protection, or put them into pods of their own")

// Sole makes this the only process of the process namespace that kills, until it is closed or the process ends. It is a name in
// the network namespace, which the containers of a pod share; whoever else binds it keeps a gate from starting, and no more.
func Sole() (io.Closer, error) {
	ns, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return nil, fmt.Errorf("looking at our process namespace: %w", err)
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: "@mongogate-kill-" + ns})
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, ErrTwoKill
	}
	if err != nil {
		return nil, fmt.Errorf("looking for another gate that kills: %w", err)
	}
	return l, nil
}
