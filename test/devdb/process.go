package devdb

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// process is a process of ours. It ends with this one, also when this one is
// killed: its standard input ends then, which the programs that we start watch
// for. A server's process is besides killed by the kernel, on Linux: it may be
// frozen and watch for nothing.
type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *output
	ended chan struct{} // closed when it has been waited for
	err   error         // how it ended; to be read after ended
}

// startServer starts a server's process.
func startServer(cmd *exec.Cmd) (*process, error) {
	cmd.SysProcAttr = withParent()
	return startProcess(cmd)
}

// startProcess starts a process that is left to its standard input, and so has
// the time to clean up.
func startProcess(cmd *exec.Cmd) (*process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = ownGroup()
	}

	p := &process{cmd: cmd, out: newOutput(), ended: make(chan struct{})}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	p.stdin = stdin
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		// "Death of the parent" means that of the thread that forked.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return p, nil
}

// line waits for the first line of output that begins with prefix, and gives the rest of it.
func (p *process) line(ctx context.Context, prefix string) (string, error) {
	for {
		grown := p.out.grown()
		for line := range strings.Lines(p.out.String()) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(rest), nil
			}
		}
		select {
		case <-grown:
		case <-p.ended:
			return "", fmt.Errorf("it ended (%w) and said:\n%s", p.how(), p.out)
		case <-ctx.Done():
			return "", fmt.Errorf("it was not ready in time (%w) and said:\n%s", context.Cause(ctx), p.out)
		}
	}
}

// how says how the process ended. To be called after that.
func (p *process) how() error {
	if p.err == nil {
		return errors.New("exit status 0")
	}
	return p.err
}

// kill ends the process as kill -9 does and waits until it is gone.
func (p *process) kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill %s: %w", p.cmd.Path, err)
	}
	<-p.ended
	return nil
}
