package main

import (
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
	"github.com/mongogate/mongogate/hack/image/internal/product"
)

var images = []struct {
	archive string
	of      func(context.Context, *places) (oci.Image, error)
}{
	{"pause.tar", pause},
	{"busybox.tar", busybox},
	{"worker.tar", worker},
	{"servers.tar", servers},
	{"mongogate.tar", mongogate},
}

// pause has the user of Kubernetes' own, and the name that the gate knows it by.
func pause(ctx context.Context, p *places) (oci.Image, error) {
	binary, err := p.compile(ctx, ".", "./hack/kube/images/pause")
	return image("mongogate.test/pause:1",
		v1.Config{User: "65535:65535", Entrypoint: []string{"/pause"}},
		oci.File{Path: "/pause", Mode: 0o755, From: binary}), err
}

func busybox(ctx context.Context, p *places) (oci.Image, error) {
	shell, err := p.shell(ctx)
	return image("docker.io/library/busybox:1.36", v1.Config{Cmd: []string{"sh"}}, shell...), err
}

func worker(ctx context.Context, p *places) (oci.Image, error) {
	shell, err := p.shell(ctx)
	if err != nil {
		return oci.Image{}, err
	}
	binary, err := p.compile(ctx, "e2e", "./worker")
	return image("mongogate.test/worker:1", v1.Config{Entrypoint: []string{"/worker"}},
		append(shell, oci.File{Path: "/worker", Mode: 0o755, From: binary})...), err
}

// mongogate is the product's image as the charts ask for it, and as dev.
func mongogate(ctx context.Context, p *places) (oci.Image, error) {
	tags, err := appVersions(filepath.Join(p.source, "charts"))
	if err != nil {
		return oci.Image{}, err
	}
	release := product.Release{Version: p.version, Created: time.Unix(0, 0)}
	for _, tag := range append([]string{"dev"}, tags...) {
		release.Names = append(release.Names, "docker.io/mongogate/mongogate:"+tag)
	}
	made, err := product.Image(ctx, p.source, p.work, release, []string{"linux/" + runtime.GOARCH})
	made.Compression = gzip.BestSpeed
	return made, err
}

var appVersion = regexp.MustCompile(`(?m)^appVersion: *["']?([^"'\s]+)`)

// appVersions are those of the charts, each once.
func appVersions(charts string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(charts, "*", "Chart.yaml"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no Chart.yaml below %s", charts)
	}
	var versions []string
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		m := appVersion.FindSubmatch(text)
		if m == nil {
			return nil, fmt.Errorf("%s has no appVersion", path)
		}
		if v := string(m[1]); !slices.Contains(versions, v) {
			versions = append(versions, v)
		}
	}
	return versions, nil
}

// image is for the machine that this runs on.
func image(name string, config v1.Config, files ...oci.File) oci.Image {
	config.Env = []string{oci.Path}
	return oci.Image{
		Names: []string{name}, Config: config, Created: time.Unix(0, 0), Compression: gzip.BestSpeed,
		Platforms: []oci.Platform{{Platform: v1.Platform{OS: "linux", Architecture: runtime.GOARCH}, Files: files}},
	}
}

// compile compiles a package of the module in dir; the program has the name of its directory.
func (p *places) compile(ctx context.Context, dir, pkg string) (string, error) {
	binary := filepath.Join(p.work, filepath.Base(pkg))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", binary, pkg)
	cmd.Dir = filepath.Join(p.source, dir)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("compile %s: %w\n%s", pkg, err, out)
	}
	return binary, nil
}
