package devdb

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"
)

// membersProgram keeps the processes of a replica set (see there).
//
//go:embed members.sh
var membersProgram string

// orderTime is how long the keeper may take for one order. None of them waits
// for a server to do something.
const orderTime = 10 * time.Second

// keeper is a process that runs members.sh, on this machine or in a container.
type keeper struct {
	process *process
}

// keep starts a keeper. command runs "sh -c" with the arguments after it.
func keep(command []string, args ...string) (*keeper, error) {
	words := append(append(command, "-c", membersProgram, "members.sh"), args...)
	process, err := startProcess(exec.Command(words[0], words[1:]...))
	if err != nil {
		return nil, err
	}
	return &keeper{process: process}, nil
}

// each gives one order for each of some members.
func (k *keeper) each(members []string, verb string, args ...string) error {
	for _, member := range members {
		_, port, err := net.SplitHostPort(member)
		if err != nil {
			return fmt.Errorf("%s: %w", verb, err)
		}
		if _, err := k.order(append([]string{verb, port}, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// order gives one order, waits until it is done, and gives what was printed.
func (k *keeper) order(words ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), orderTime)
	defer cancel()
	k.process.out.reset()
	if _, err := fmt.Fprintln(k.process.stdin, strings.Join(words, " ")); err != nil {
		return "", fmt.Errorf("%s: %w; %s", words[0], err, k.process.out)
	}
	if _, err := k.process.line(ctx, "done"); err != nil {
		return "", fmt.Errorf("%s: %w", words[0], err)
	}
	return strings.TrimSuffix(k.process.out.String(), "done\n"), nil
}

// end ends the keeper, which kills what is left of its members first.
func (k *keeper) end() error {
	if err := k.process.stdin.Close(); err != nil {
		return fmt.Errorf("end the members: %w", err)
	}
	select {
	case <-k.process.ended:
		return nil
	case <-time.After(orderTime):
		return k.process.kill()
	}
}
