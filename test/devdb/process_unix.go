//go:build unix

package devdb

import (
	"fmt"
	"syscall"
)

// ownGroup gives a child a group of its own, which keeps the terminal's Ctrl-C
// away from it: who started it ends it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// freeze stops the process as SIGSTOP does: its connections stay open and
// nothing is answered.
func (p *process) freeze() error { return p.signal(syscall.SIGSTOP) }

// thaw lets a frozen process go on.
func (p *process) thaw() error { return p.signal(syscall.SIGCONT) }

func (p *process) signal(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil {
		return fmt.Errorf("send %v to %s: %w", signal, p.cmd.Path, err)
	}
	return nil
}
