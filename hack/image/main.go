// Command image makes the container image as an archive, for several platforms, without a
// container engine and without a registry: see make image. The same source, version, revision
// and time give the same digest on every machine.
//
//	image -version VERSION -name NAME -out FILE [-revision COMMIT] [-platforms OS/ARCH,…]
//
// SOURCE_DATE_EPOCH is the time of the image and of its files, in seconds; without it 0.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
	"github.com/mongogate/mongogate/hack/image/internal/product"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout io.Writer) error {
	var release product.Release
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	source := flags.String("source", "../..", "the repository")
	out := flags.String("out", "", "the archive to write")
	platforms := flags.String("platforms", "linux/amd64,linux/arm64", "what to make it for")
	flags.StringVar(&release.Version, "version", "", "what mongogate version prints")
	flags.StringVar(&release.Revision, "revision", "", "the commit")
	flags.Func("name", "name of the image, with a tag; may be repeated", func(name string) error {
		release.Names = append(release.Names, name)
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *out == "" || release.Version == "" || len(release.Names) == 0 {
		return fmt.Errorf("-out, -version and -name are needed")
	}
	if err := sameGo(*source); err != nil {
		return err
	}
	epoch, err := sourceDate(getenv("SOURCE_DATE_EPOCH"))
	if err != nil {
		return err
	}
	release.Created = epoch
	return write(ctx, *source, *out, release, strings.Split(*platforms, ","), stdout)
}

// sameGo: the program is compiled by the Go of the Dockerfile, and compressed by the one that runs here.
func sameGo(source string) error {
	want, err := product.Toolchain(source)
	if err != nil {
		return err
	}
	if have := runtime.Version(); have != want {
		return fmt.Errorf("the image is made by %s and this is %s, which compresses in its own way; set GOTOOLCHAIN=%s, as make image does", want, have, want)
	}
	return nil
}

func sourceDate(seconds string) (time.Time, error) {
	if seconds == "" {
		return time.Unix(0, 0), nil
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH is %q; it has to be a number of seconds since 1970", seconds)
	}
	return time.Unix(n, 0), nil
}

func write(ctx context.Context, source, out string, release product.Release, platforms []string, stdout io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "mongogate-image-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	image, err := product.Image(ctx, source, work, release, platforms)
	if err != nil {
		return err
	}
	built, err := oci.Write(out, image)
	if err != nil {
		return err
	}
	for _, p := range built.Platforms {
		fmt.Fprintf(stdout, "%-12s %s  %.1f MB\n", p.Platform, p.Digest, float64(p.Size)/1e6)
	}
	fmt.Fprintf(stdout, "%-12s %s  %s  %s\n", "index", built.Digest, strings.Join(release.Names, " "), out)
	return nil
}
