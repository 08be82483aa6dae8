//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
)

// up starts this program once more in the background, in a session of its own,
// and waits until the server there answers. One that runs already is enough.
func up(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if resident, err := devdb.FindResident(); !errors.Is(err, devdb.ErrNoResident) {
		if err != nil {
			return err
		}
		fmt.Fprintln(stderr, resident.Banner, "(it was running)")
		fmt.Fprintln(stdout, resident.URI)
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	log, err := os.CreateTemp("", "devdb-*.log")
	if err != nil {
		return fmt.Errorf("make a log: %w", err)
	}
	defer log.Close()
	defer os.Remove(log.Name()) // the process that writes it keeps it open
	background := exec.Command(self, append([]string{"serve"}, args...)...)
	background.Stdout, background.Stderr = log, log
	background.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := background.Start(); err != nil {
		return fmt.Errorf("start in the background: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- background.Wait() }() // ends at the latest with this program
	for {
		resident, err := devdb.FindResident()
		if err == nil {
			fmt.Fprintln(stderr, resident.Banner)
			fmt.Fprintln(stdout, resident.URI)
			return nil
		}
		if !errors.Is(err, devdb.ErrNoResident) {
			return errors.Join(err, background.Process.Signal(syscall.SIGTERM))
		}
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the server did not start (%w): %s", err, said)
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), background.Process.Signal(syscall.SIGTERM))
		case <-time.After(20 * time.Millisecond):
		}
	}
}
