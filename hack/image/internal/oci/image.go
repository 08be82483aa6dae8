package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Path is what BuildKit, too, sets for an image without a base.
const Path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Image is what an image consists of.
type Image struct {
	Names       []string // as one writes them for docker pull
	Config      v1.Config
	Created     time.Time // also when each file was modified
	Compression int       // level of gzip
	Platforms   []Platform
}

// Platform is the part of an image that is for one kind of machine.
type Platform struct {
	v1.Platform
	Files []File
}

// names are the image's names in full, as container runtimes know them.
func (i Image) names() ([]reference.NamedTagged, error) {
	names := make([]reference.NamedTagged, 0, len(i.Names))
	for _, n := range i.Names {
		named, err := reference.ParseNormalizedNamed(n)
		if err != nil {
			return nil, fmt.Errorf("image name %q: %w", n, err)
		}
		tagged, ok := reference.TagNameOnly(named).(reference.NamedTagged)
		if !ok {
			return nil, fmt.Errorf("image name %q has a digest, which only the build can tell; give a tag", n)
		}
		names = append(names, tagged)
	}
	return names, nil
}

// index is the image as a registry would have it.
func (i Image) index() (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range i.Platforms {
		image, err := i.of(p)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: plain{image}, Descriptor: v1.Descriptor{Platform: &p.Platform}})
	}
	return index, nil
}

// plain keeps go-containerregistry from calling an ordinary image an artifact in the index; no other builder does.
type plain struct{ v1.Image }

// ArtifactType is asked for by the library.
func (plain) ArtifactType() (string, error) { return "", nil }

func (i Image) of(p Platform) (v1.Image, error) {
	open := func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() { w.CloseWithError(writeLayer(w, p.Files, i.Created)) }()
		return r, nil
	}
	layer, err := tarball.LayerFromOpener(open,
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(i.Compression), tarball.WithCompressedCaching)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.ConfigFile(image, &v1.ConfigFile{
		OS: p.OS, Architecture: p.Architecture, Created: v1.Time{Time: i.Created}, Config: i.Config, RootFS: v1.RootFS{Type: "layers"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: i.Created}}})
}

// sum names everything that goes into the archive, at a fraction of the cost of making it.
func (i Image) sum() (string, error) {
	h := sha256.New()
	about, err := json.Marshal(map[string]any{"names": i.Names, "config": i.Config, "created": i.Created, "compression": i.Compression, "format": 1})
	if err != nil {
		return "", err
	}
	h.Write(about)
	for _, p := range i.Platforms {
		fmt.Fprintln(h, p)
		if err := writeLayer(h, p.Files, i.Created); err != nil {
			return "", fmt.Errorf("%s: %w", p, err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
