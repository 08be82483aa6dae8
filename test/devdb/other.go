//go:build !unix

package devdb

import (
	"errors"
	"syscall"
)

var (
	errLocked = errors.New("locked by another process")
	errSystem = errors.New("no server can be started on this system: point " + uriVariable + " at one")
)

func tryLock(string) (unlock func(), err error) { return nil, errSystem }

func ownGroup() *syscall.SysProcAttr { return nil }

func withParent() *syscall.SysProcAttr { return nil }

func (p *process) freeze() error { return errSystem }

func (p *process) thaw() error { return errSystem }
