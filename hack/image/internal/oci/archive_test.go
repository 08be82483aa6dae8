package oci

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	importer "github.com/containerd/containerd/v2/core/images/archive"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/containerd/v2/plugins/content/local"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func sample() Image {
	of := func(arch string) Platform {
		return Platform{Platform: v1.Platform{OS: "linux", Architecture: arch}, Files: []File{
			{Path: "/usr/bin/tool", Mode: 0o755, Data: []byte("for " + arch)},
			{Path: "/bin/tool", Link: "/usr/bin/tool"},
			{Path: "/tmp", Mode: 0o1777},
		}}
	}
	return Image{
		Names: []string{"tool", "registry.example:5000/team/tool:1.2"}, Created: time.Unix(1700000000, 0), Compression: gzip.BestSpeed,
		Config: v1.Config{User: "1:1", Entrypoint: []string{"/bin/tool"}}, Platforms: []Platform{of("amd64"), of("arm64")},
	}
}

func written(t *testing.T, i Image) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	if _, err := Write(path, i); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestContainerdImports: containerd's own importer finds names, platforms and every blob.
func TestContainerdImports(t *testing.T) {
	ctx := namespaces.WithNamespace(t.Context(), "k8s.io")
	store, err := local.NewStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	in, err := os.Open(written(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	top, err := importer.ImportIndex(ctx, store, in)
	if err != nil {
		t.Fatal(err)
	}
	var index ocispec.Index
	read(ctx, t, store, top, &index)
	var names []string
	for _, d := range index.Manifests {
		names = append(names, d.Annotations[images.AnnotationImageName])
		platforms, err := images.Platforms(ctx, store, d)
		if err != nil || len(platforms) != 2 || platforms[0].Architecture != "amd64" || platforms[1].Architecture != "arm64" {
			t.Errorf("platforms %v, %v", platforms, err)
		}
		var perPlatform ocispec.Index
		read(ctx, t, store, d, &perPlatform)
		if a := perPlatform.Manifests[0].ArtifactType; a != "" {
			t.Errorf("an ordinary image is listed as the artifact %s", a)
		}
		if ok, _, _, missing, err := images.Check(ctx, store, d, nil); !ok || len(missing) > 0 || err != nil {
			t.Errorf("missing of %s: %v, %v", names, missing, err)
		}
	}
	if want := []string{"docker.io/library/tool:latest", "registry.example:5000/team/tool:1.2"}; !slices.Equal(names, want) {
		t.Errorf("containerd would call the image %q, want %q", names, want)
	}
}

func read(ctx context.Context, t *testing.T, store content.Store, d ocispec.Descriptor, to any) {
	t.Helper()
	data, err := content.ReadBlob(ctx, store, d)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestDockerArchive: what reads the archives of docker save finds the first platform.
func TestDockerArchive(t *testing.T) {
	path := written(t, sample())
	manifest, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"tool:latest", "registry.example:5000/team/tool:1.2"}; len(manifest) != 1 || !slices.Equal(manifest[0].RepoTags, want) {
		t.Fatalf("the manifest is %+v, want one with the tags %q", manifest, want)
	}
	image, err := tarball.ImageFromPath(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	config, err := image.ConfigFile()
	if err != nil || config.Architecture != "amd64" || config.Config.User != "1:1" {
		t.Errorf("the configuration is %+v, %v", config, err)
	}
}

// TestArchiveHasNoTrace: nothing in the archive tells when and by whom it was written.
func TestArchiveHasNoTrace(t *testing.T) {
	in, err := os.Open(written(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	n := 0
	tr := tar.NewReader(in)
	for h, err := tr.Next(); err == nil; h, err = tr.Next() {
		n++
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Mode != 0o644 || h.ModTime.Unix() != 0 {
			t.Errorf("%s: %+v", h.Name, h)
		}
	}
	if n < 5 {
		t.Errorf("%d files in the archive", n)
	}
}

// TestLayer: directories before what is in them, with the modes that were asked for, owned by root.
func TestLayer(t *testing.T) {
	image, err := tarball.ImageFromPath(written(t, sample()), nil)
	if err != nil {
		t.Fatal(err)
	}
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	tr := tar.NewReader(r)
	for h, err := tr.Next(); err == nil; h, err = tr.Next() {
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s has a trace of who made it: %+v", h.Name, h)
		}
	}
	want := []string{"drwxr-xr-x bin/", "Lrwxrwxrwx bin/tool", "dtrwxrwxrwx tmp/", "drwxr-xr-x usr/", "drwxr-xr-x usr/bin/", "-rwxr-xr-x usr/bin/tool"}
	if !slices.Equal(got, want) {
		t.Errorf("the layer has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestWriteIfChanged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "image.tar")
	image := sample()
	step := func(what string, want bool) {
		t.Helper()
		if changed, err := WriteIfChanged(path, image); err != nil || changed != want {
			t.Errorf("%s: changed %v, %v", what, changed, err)
		}
	}
	step("the first time", true)
	step("again", false)
	image.Platforms[1].Files[0].Data = []byte("other")
	step("another content", true)
	image.Platforms[1].Files[0].Mode = 0o700
	step("another mode", true)
	image.Names = image.Names[:1]
	step("another name", true)
	image.Config.User = "2:2"
	step("another user", true)
	step("again", false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	step("without the archive", true)
}

func TestWrongName(t *testing.T) {
	for name, want := range map[string]string{
		"docker.io/Upper/case:1":                 "must be lowercase",
		"tool@sha256:" + strings.Repeat("0", 64): "give a tag",
	} {
		image := sample()
		image.Names = []string{name}
		if _, err := Write(filepath.Join(t.TempDir(), "image.tar"), image); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a word of %q", name, err, want)
		}
	}
}
