//go:build linux

package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mongogate/mongogate/test/devdb"
)

// peer is another library, in a process of its own.
type peer struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
}

//go:embed python/worker.py
var pythonWorker string

// startPeers starts the other libraries, and notes those that cannot be.
func (b *bench) startPeers(ctx context.Context, uri string) []*peer {
	var peers []*peer
	for _, p := range []struct {
		name    string
		command func() (*exec.Cmd, error)
	}{
		{squareName, func() (*exec.Cmd, error) {
			// Built once, and outside of what is measured.
			program := filepath.Join(b.dir, "square")
			build := exec.CommandContext(ctx, "go", "build", "-C", "square", "-o", program, ".")
			if out, err := build.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build: %w: %s", err, out)
			}
			return exec.Command(program), nil
		}},
		{"Python mongolock", func() (*exec.Cmd, error) {
			python, err := devdb.PythonEnv(ctx)
			return exec.Command(python, "-c", pythonWorker), err
		}},
	} {
		cmd, err := p.command()
		if err == nil {
			var started *peer
			if started, err = startPeer(p.name, cmd, uri); err == nil {
				peers = append(peers, started)
				continue
			}
		}
		b.skip(p.name, err)
	}
	return peers
}

func startPeer(name string, cmd *exec.Cmd, uri string) (*peer, error) {
	cmd.Env = append(os.Environ(), "BENCH_URI="+uri)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &peer{name: name, cmd: cmd, in: in, out: bufio.NewReader(out)}, nil
}

// ask sends a line and reads the answer.
func (p *peer) ask(command string) (timings, error) {
	if _, err := fmt.Fprintln(p.in, command); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("%s: it ended (%w)", p.name, err)
	}
	t := timings{}
	if err := json.Unmarshal(line, &t); err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	return t, nil
}

func (p *peer) close() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}
