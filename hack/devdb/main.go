//go:build unix

// Command devdb starts and stops a database for people at work on this
// repository, and for its scripts. It runs in the background until it is told
// to end, and its data are thrown away then. Which server it is: see
// test/devdb.
//
//	go run ./hack/devdb up [-port 27017] [-kind engine] [-need sign-in,TLS]
//	go run ./hack/devdb uri | down | python
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/test/devdb"
)

const usage = `usage: devdb up [-port N] [-kind KIND] [-need LIST]   start a database and print its URI
       devdb uri                                        print the URI of the one that runs
       devdb down                                       stop it
       devdb python                                     print a Python that has mongolock 1.3.4
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	err := command(ctx, args, stdout, stderr)
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprint(stderr, err, "\n", usage)
		return 64
	default:
		fmt.Fprintln(stderr, "devdb:", strings.TrimPrefix(err.Error(), "devdb: "))
		return 1
	}
}

var errUsage = errors.New("devdb: what to do is not clear")

func command(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return errUsage
	}
	options, err := parse(args[1:])
	if err != nil {
		return err
	}
	switch args[0] {
	case "up":
		return up(ctx, args[1:], stdout, stderr)
	case "serve": // what up starts in the background
		return devdb.Reside(ctx, options)
	case "uri":
		resident, err := devdb.FindResident()
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, resident.URI)
		return nil
	case "down":
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		return devdb.EndResident(ctx)
	case "python":
		interpreter, err := devdb.PythonEnv(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintln(stdout, interpreter)
		return nil
	default:
		return fmt.Errorf("%w: %q", errUsage, args[0])
	}
}

func parse(args []string) (devdb.Options, error) {
	var (
		options devdb.Options
		kind    string
		need    string
	)
	flags := flag.NewFlagSet("devdb", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.IntVar(&options.Port, "port", 0, "")
	flags.StringVar(&kind, "kind", "", "")
	flags.StringVar(&need, "need", "", "")
	if err := flags.Parse(args); err != nil {
		return options, fmt.Errorf("%w: %w", errUsage, err)
	}
	if flags.NArg() > 0 {
		return options, fmt.Errorf("%w: %q", errUsage, flags.Arg(0))
	}
	options.Kind = devdb.Kind(kind)
	var err error
	if options.Need, err = devdb.ParseNeed(need); err != nil {
		return options, fmt.Errorf("%w: -need: %w", errUsage, err)
	}
	return options, nil
}
