//go:build linux

package agent

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mongogate/mongogate/pkg/problem"
)

// fewestDescriptors: a run takes about 20 with one server, and each member of a set has connections of its own.
const fewestDescriptors = 64

// EnoughDescriptors refuses to begin what would hang or fail half-way: a gate that cannot open its lock file looks again
// forever, and a connection that finds no descriptor looks like a store that is away. Go has raised the soft limit to the hard one.
func EnoughDescriptors() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("asking for the limit of open files: %w", err)
	}
	if limit.Cur < fewestDescriptors {
		return &Exit{ExitMachine, problem.Problem{Message: fmt.Sprintf("this process may open %d files at once, and needs %d", limit.Cur, fewestDescriptors), Remedy: "raise the limit (ulimit -Hn, LimitNOFILE=)"}}
	}
	return nil
}
