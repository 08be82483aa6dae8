//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newInstall(w world) *cobra.Command {
	return &cobra.Command{
		Use: "install DIRECTORY", Short: "Copy this program into a directory",
		Long: `Copy this program into a directory, such as a volume that is shared with a container of any image:
the container's command becomes DIRECTORY/mongogate run -- COMMAND.`,
		Args: exactly(1),
		RunE: func(_ *cobra.Command, args []string) error {
			to := filepath.Join(args[0], "mongogate")
			if err := install(to); err != nil {
				return &exit{exitMachine, fmt.Errorf("installing into %s: %w", args[0], err)}
			}
			_, err := fmt.Fprintln(w.stdout, to)
			return err
		},
	}
}

// install writes beside the target and renames, so that a copy that runs is never half written.
func install(to string) error {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	tmp, err := os.CreateTemp(filepath.Dir(to), ".mongogate-*")
	if err != nil {
		return err
	}
	_, err = io.Copy(tmp, self)
	err = errors.Join(err, tmp.Chmod(0o755), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), to)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(tmp.Name()))
	}
	return err
}
