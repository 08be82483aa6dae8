// Package product is the image of Mongogate: what the Dockerfile says, said in Go, so that
// it can be made where there is no container engine. The tests hold the two together.
package product

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/mongogate/mongogate/hack/image/internal/oci"
	"github.com/mongogate/mongogate/hack/image/internal/pack"
	"github.com/mongogate/mongogate/hack/image/internal/roots"
)

// User is a number, so that the kubelet can see that it is not root (runAsNonRoot).
const User = "65532:65532"

// Release is what can differ between two images of the same source.
type Release struct {
	Version  string // what mongogate version prints
	Revision string // the commit, or nothing
	Created  time.Time
	Names    []string
}

// Image compiles the program from source for each platform, into the directory work.
func Image(ctx context.Context, source, work string, r Release, platforms []string) (oci.Image, error) {
	ca, err := roots.PEM()
	if err != nil {
		return oci.Image{}, err
	}
	image := oci.Image{Names: r.Names, Config: config(r), Created: r.Created.UTC(), Compression: gzip.BestCompression}
	for _, name := range platforms {
		p, err := v1.ParsePlatform(name)
		if err != nil {
			return oci.Image{}, fmt.Errorf("platform %q: %w", name, err)
		}
		binary := filepath.Join(work, p.OS+"-"+p.Architecture, "mongogate")
		if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
			return oci.Image{}, err
		}
		if err := compile(ctx, source, binary, *p, r.Version); err != nil {
			return oci.Image{}, fmt.Errorf("compile for %s: %w", name, err)
		}
		packed, err := packed(binary)
		if err != nil {
			return oci.Image{}, fmt.Errorf("compress for %s: %w", name, err)
		}
		image.Platforms = append(image.Platforms, oci.Platform{Platform: *p, Files: []oci.File{
			// Root's, and not to be read by who runs it: the kernel closes the memory and environment of such a process to
			// others of its user from execve on. What mongogate install copies is beside it.
			{Path: "/mongogate", Mode: 0o711, From: binary},
			{Path: pack.File, Mode: 0o444, Data: packed},
			{Path: roots.File, Mode: 0o644, Data: ca},
			// The state directory of one who is no pod and not root is below it.
			{Path: "/tmp", Mode: 0o1777},
		}})
	}
	return image, nil
}

func packed(binary string) ([]byte, error) {
	f, err := os.Open(binary)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	err = pack.Pack(&b, f)
	return b.Bytes(), err
}

func config(r Release) v1.Config {
	return v1.Config{
		User:       User,
		Env:        []string{oci.Path},
		Entrypoint: []string{"/mongogate"},
		WorkingDir: "/",
		Labels: map[string]string{
			"org.opencontainers.image.title":         "Mongogate",
			"org.opencontainers.image.description":   "Runs a command only while a lock in MongoDB is held",
			"org.opencontainers.image.url":           "https://github.com/mongogate/mongogate",
			"org.opencontainers.image.source":        "https://github.com/mongogate/mongogate",
			"org.opencontainers.image.documentation": "https://github.com/mongogate/mongogate#readme",
			"org.opencontainers.image.licenses":      "Apache-2.0",
			"org.opencontainers.image.version":       r.Version,
			"org.opencontainers.image.revision":      r.Revision,
		},
	}
}
