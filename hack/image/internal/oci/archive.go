package oci

import (
	"archive/tar"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/distribution/reference"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// Built is what an archive has.
type Built struct {
	Digest    v1.Hash // of the image's index: what a registry will call it
	Platforms []BuiltPlatform
}

// BuiltPlatform is the image for one kind of machine.
type BuiltPlatform struct {
	Platform string
	Digest   v1.Hash
	Size     int64 // bytes that a pull transfers
}

// Write writes the image as an archive in the OCI layout, which containerd, CRI-O, Podman
// and skopeo read, and Docker with its containerd image store. Docker's older
// store reads manifest.json, which has the first platform.
func Write(path string, image Image) (Built, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".oci-*")
	if err != nil {
		return Built{}, err
	}
	defer os.RemoveAll(dir)
	built, err := lay(filepath.Join(dir, "layout"), image)
	if err != nil {
		return Built{}, fmt.Errorf("make the image %s: %w", strings.Join(image.Names, ", "), err)
	}
	whole := filepath.Join(dir, "archive.tar")
	if err := archive(whole, filepath.Join(dir, "layout")); err != nil {
		return Built{}, fmt.Errorf("write the archive: %w", err)
	}
	return built, os.Rename(whole, path)
}

// WriteIfChanged is Write for those who call it often: it leaves an archive that
// has the same image already, and says so.
func WriteIfChanged(path string, image Image) (changed bool, err error) {
	want, err := image.sum()
	if err != nil {
		return false, err
	}
	note := path + ".sum"
	if _, err := os.Stat(path); err == nil {
		if have, err := os.ReadFile(note); err == nil && string(have) == want {
			return false, nil
		}
	}
	// Without the note first an interrupted write would pass for a finished one.
	if err := os.RemoveAll(note); err != nil {
		return false, err
	}
	if _, err := Write(path, image); err != nil {
		return false, err
	}
	return true, os.WriteFile(note, []byte(want), 0o600)
}

// lay writes the image as a directory in the OCI layout.
func lay(dir string, image Image) (Built, error) {
	names, err := image.names()
	if err != nil {
		return Built{}, err
	}
	index, err := image.index()
	if err != nil {
		return Built{}, err
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return Built{}, err
	}
	for _, name := range names {
		// The first is what containerd calls the image, the second what skopeo asks for.
		err := l.AppendIndex(index, layout.WithAnnotations(map[string]string{
			"io.containerd.image.name":          name.String(),
			"org.opencontainers.image.ref.name": name.Tag(),
		}))
		if err != nil {
			return Built{}, err
		}
	}
	built, err := describe(index)
	if err != nil {
		return Built{}, err
	}
	return built, writeDockerManifest(l, index, built.Platforms[0].Digest, names)
}

func describe(index v1.ImageIndex) (built Built, err error) {
	if built.Digest, err = index.Digest(); err != nil {
		return built, err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return built, err
	}
	for _, d := range manifest.Manifests {
		image, err := index.Image(d.Digest)
		if err != nil {
			return built, err
		}
		m, err := image.Manifest()
		if err != nil {
			return built, err
		}
		p := BuiltPlatform{Platform: d.Platform.String(), Digest: d.Digest, Size: d.Size + m.Config.Size}
		for _, layer := range m.Layers {
			p.Size += layer.Size
		}
		built.Platforms = append(built.Platforms, p)
	}
	return built, nil
}

// writeDockerManifest adds what docker save writes beside the layout, for docker load.
func writeDockerManifest(l layout.Path, index v1.ImageIndex, digest v1.Hash, names []reference.NamedTagged) error {
	image, err := index.Image(digest)
	if err != nil {
		return err
	}
	m, err := image.Manifest()
	if err != nil {
		return err
	}
	blob := func(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }
	entry := struct {
		Config   string
		RepoTags []string
		Layers   []string
	}{Config: blob(m.Config.Digest)}
	for _, name := range names {
		entry.RepoTags = append(entry.RepoTags, reference.FamiliarString(name))
	}
	for _, layer := range m.Layers {
		entry.Layers = append(entry.Layers, blob(layer.Digest))
	}
	data, err := json.Marshal([]any{entry})
	if err != nil {
		return err
	}
	return l.WriteFile("manifest.json", data, 0o644)
}

// archive writes the files of dir, in the order of their names, without a trace of where they are from.
func archive(path, dir string) error {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer out.Close()
	tw := tar.NewWriter(out)
	err = filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		return copyFile(tw, &tar.Header{Name: filepath.ToSlash(name), Mode: 0o644, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}, file)
	})
	if err != nil {
		return err
	}
	if err := tw.Close(); err != nil {
		return err
	}
	return out.Close()
}
