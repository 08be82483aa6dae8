//go:build linux

package guard

import (
	"fmt"
	"os/signal"

	"golang.org/x/sys/unix"
)

// terminal is the gate's standard input while the command has it in the foreground.
type terminal struct {
	fd    int
	group int // the gate's, which gets it back
}

// findTerminal says whether the command is to get the terminal: where standard
// input is the terminal that controls us, we are in its foreground, and nobody
// reads our output in the same pipeline, who may want the terminal too (a pager).
// Without it a command that reads from the terminal gets EIO.
func findTerminal(stdin, stdout int) (terminal, bool) {
	group := unix.Getpgrp()
	foreground, err := unix.IoctlGetInt(stdin, unix.TIOCGPGRP)
	if err != nil || foreground != group {
		return terminal{}, false
	}
	var out unix.Stat_t
	if err := unix.Fstat(stdout, &out); err == nil {
		if kind := out.Mode & unix.S_IFMT; kind == unix.S_IFIFO || kind == unix.S_IFSOCK {
			return terminal{}, false
		}
	}
	return terminal{fd: stdin, group: group}, true
}

// lend is to be called once the guard runs, which would inherit it: while the
// gate is in the background it ignores the signal that the terminal sends to
// those who write from there.
func (t terminal) lend() { signal.Ignore(unix.SIGTTOU) }

// takeBack makes the gate's group the foreground again.
func (t terminal) takeBack() error {
	err := unix.IoctlSetPointerInt(t.fd, unix.TIOCSPGRP, t.group)
	signal.Reset(unix.SIGTTOU)
	if err != nil {
		return fmt.Errorf("take the terminal back: %w", err)
	}
	return nil
}

// takeTerminal makes group the foreground of the terminal from the background.
// The calling thread is the one that goes on to execute the command, with the signals that it had blocked.
func takeTerminal(fd uintptr, group int) error {
	var block, before unix.Sigset_t
	block.Val[0] = 1 << (unix.SIGTTOU - 1)
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &before); err != nil {
		return fmt.Errorf("block SIGTTOU: %w", err)
	}
	err := unix.IoctlSetPointerInt(int(fd), unix.TIOCSPGRP, group)
	if restore := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err == nil && restore != nil {
		return fmt.Errorf("unblock SIGTTOU: %w", restore)
	}
	if err != nil {
		return fmt.Errorf("take the terminal: %w", err)
	}
	return nil
}
