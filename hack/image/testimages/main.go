// Command testimages makes the archives that the clusters of the end-to-end tests import: there is no
// registry that they could pull from. Those that are up to date are left alone.
//
//	testimages -source REPOSITORY -bin DIRECTORY -busybox FILE -servers DIRECTORY -out DIRECTORY -version VERSION
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
)

// places are where things are, and where they go.
type places struct{ source, bin, busybox, servers, out, work, version string }

func main() {
	var p places
	flag.StringVar(&p.source, "source", "../..", "the repository")
	flag.StringVar(&p.bin, "bin", "", "what hack/kube/build.sh has printed")
	flag.StringVar(&p.busybox, "busybox", "", "a static busybox")
	flag.StringVar(&p.servers, "servers", "", "a directory with real servers and what they need; no image of them if it is not there")
	flag.StringVar(&p.out, "out", "", "where the archives go")
	flag.StringVar(&p.version, "version", "dev", "version of the product's image")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.make(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "testimages:", err)
		os.Exit(1)
	}
}

func (p *places) make(ctx context.Context) error {
	// The compiler does nothing for a program that is there and up to date.
	p.work = filepath.Join(p.out, "work")
	if err := os.MkdirAll(p.work, 0o755); err != nil {
		return err
	}
	for _, i := range images {
		begun := time.Now()
		path := filepath.Join(p.out, i.archive)
		image, err := i.of(ctx, p)
		if errors.Is(err, errNone) {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", i.archive, err)
		}
		changed, err := oci.WriteIfChanged(path, image)
		if err != nil {
			return fmt.Errorf("%s: %w", i.archive, err)
		}
		done := "up to date"
		if changed {
			done = fmt.Sprintf("made in %.1f s", time.Since(begun).Seconds())
		}
		fmt.Fprintf(os.Stderr, "images: %s %s\n", i.archive, done)
		fmt.Println(path)
	}
	return nil
}
