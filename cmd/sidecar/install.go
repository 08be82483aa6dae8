//go:build linux

package main

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mongogate/mongogate/internal/agent"
	"github.com/mongogate/mongogate/internal/atomicfile"
	"github.com/mongogate/mongogate/pkg/problem"
)

func newInstall(w world) *cobra.Command {
	return plain(about{
		use: "install DIRECTORY", group: gateGroup,
		short:    "Copy this program into a directory",
		examples: []string{"mongogate install /opt/mongogate"},
		long: `The directory is, for instance, a volume that is shared with a container of any image:
the container's command becomes DIRECTORY/mongogate run -- COMMAND. The copy can be executed by everybody
and read by root only, so that no other process of its user can read its environment.`,
	}, exactly(1), func(_ *cobra.Command, args []string) error {
		to := filepath.Join(args[0], "mongogate")
		if err := install(to); err != nil {
			return &agent.Exit{Code: agent.ExitMachine, Err: fmt.Errorf("installing into %s: %w", args[0], err)}
		}
		_, err := fmt.Fprintln(w.stdout, to)
		return err
	})
}

// unreadable is the mode of the copy: to be executed by all, and read by nobody but root, not even by who has made
// it. The kernel closes environment and memory of a process whose program it may not read to others of its user, from execve on.
const unreadable = 0o111

// self is this program, from itself or, where who runs it may not read it, from the compressed copy beside it.
func self() (io.Reader, func() error, error) {
	exe, err := os.Open("/proc/self/exe")
	if err == nil {
		return exe, exe.Close, nil
	}
	path, linkErr := os.Readlink("/proc/self/exe")
	if !errors.Is(err, os.ErrPermission) || linkErr != nil {
		return nil, nil, errors.Join(err, linkErr)
	}
	f, err := os.Open(path + ".gz") //nolint:gosec // our own name
	if err != nil {
		return nil, nil, problem.Of("", fmt.Errorf("%s cannot be read by this user, and there is no copy to install from: %w", path, err), "run the image's program, or run as root")
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", f.Name(), err), f.Close())
	}
	return z, f.Close, nil
}

// install writes beside the target and renames, so that a copy that runs is never half written.
func install(to string) error {
	program, done, err := self()
	if err != nil {
		return err
	}
	defer done() //nolint:errcheck // it was read to its end, or there is an error
	return atomicfile.Write(to, unreadable, func(w io.Writer) error {
		_, err := io.Copy(w, program)
		return err
	})
}
