package product

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// compile makes the same bytes on every machine: the Go of the Dockerfile, no path, nothing
// of the working copy, and no setting of the one who happens to run it.
func compile(ctx context.Context, source, binary string, p v1.Platform, version string) error {
	toolchain, err := Toolchain(source)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w -X main.release="+version, "-o", binary, "./cmd/sidecar")
	cmd.Dir = source
	cmd.Env = append(os.Environ(),
		"GOTOOLCHAIN="+toolchain, "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Architecture,
		"GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOFIPS140=off", "GOAMD64=v1", "GOARM64=v8.0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

var goVersion = regexp.MustCompile(`(?m)^ARG GO_VERSION=(\S+)$`)

// Toolchain is the Go that makes the image, as GOTOOLCHAIN has it. The Dockerfile is the one place that says it.
func Toolchain(source string) (string, error) {
	path := filepath.Join(source, "Dockerfile")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	m := goVersion.FindSubmatch(text)
	if m == nil {
		return "", fmt.Errorf("%s has no line ARG GO_VERSION=…", path)
	}
	return "go" + string(m[1]), nil
}
