//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"

	"github.com/mongogate/mongogate/hack/image/internal/roots"
)

const (
	repository = "../.."
	version    = "v0.0.0-test"
	revision   = "0123456789abcdef0123456789abcdef01234567"
	epoch      = "1767225600"
)

// made is the product's image, made once for all tests from a copy of the sources.
type made struct {
	archive string
	stdout  string
	index   v1.ImageIndex
}

var theImage = sync.OnceValues(func() (made, error) { return makeIn("first") })

func image(t *testing.T) made {
	t.Helper()
	m, err := theImage()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// scratch is the tests' own directory; context in it is a copy of the sources, once for all
// tests: they are compared with each other.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "mongogate-image-test-*")
	if err != nil {
		panic(err)
	}
	scratch = dir
	if err := copyContext(filepath.Join(dir, "context")); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// makeIn does what make image does, in a directory of that name below the tests' own.
func makeIn(name string) (made, error) {
	dir := filepath.Join(scratch, filepath.FromSlash(name))
	if err := os.CopyFS(filepath.Join(dir, "source"), os.DirFS(filepath.Join(scratch, "context"))); err != nil {
		return made{}, err
	}
	m := made{archive: filepath.Join(dir, "dist", "mongogate.tar")}
	var stdout strings.Builder
	args := []string{
		"-source", filepath.Join(dir, "source"), "-out", m.archive,
		"-version", version, "-revision", revision, "-name", "mongogate/mongogate:1.2.3", "-name", "registry.example:5000/gate:test",
	}
	getenv := func(name string) string { return map[string]string{"SOURCE_DATE_EPOCH": epoch}[name] }
	if err := run(context.Background(), args, getenv, &stdout); err != nil {
		return made{}, err
	}
	m.stdout = stdout.String()
	unpacked := filepath.Join(dir, "layout")
	if out, err := exec.Command("tar", "--one-top-level="+unpacked, "-xf", m.archive).CombinedOutput(); err != nil {
		return made{}, fmt.Errorf("tar: %w\n%s", err, out)
	}
	top, err := layout.ImageIndexFromPath(unpacked)
	if err != nil {
		return made{}, err
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return made{}, err
	}
	m.index, err = top.ImageIndex(manifest.Manifests[0].Digest)
	return m, err
}

// copyContext copies what a container engine is sent to build: what .dockerignore does not leave out, and the Dockerfile.
func copyContext(to string) error {
	text, err := os.ReadFile(filepath.Join(repository, ".dockerignore"))
	if err != nil {
		return err
	}
	patterns, err := ignorefile.ReadAll(bytes.NewReader(text))
	if err != nil {
		return err
	}
	ignored, err := patternmatcher.New(patterns)
	if err != nil {
		return err
	}
	return filepath.WalkDir(repository, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(repository, path)
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return filepath.SkipDir
		}
		skip, err := ignored.MatchesOrParentMatches(rel)
		if err != nil || d.IsDir() || skip && rel != "Dockerfile" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

// platform is the image for one kind of machine.
func (m made) platform(t *testing.T, arch string) v1.Image {
	t.Helper()
	manifest, err := m.index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range manifest.Manifests {
		if d.Platform.OS == "linux" && d.Platform.Architecture == arch {
			image, err := m.index.Image(d.Digest)
			if err != nil {
				t.Fatal(err)
			}
			return image
		}
	}
	t.Fatalf("no image for linux/%s in %v", arch, manifest.Manifests)
	return nil
}

// entry is what counts of a file.
type entry struct {
	mode    string
	owner   string
	content string
}

// files are those of the image's layers.
func files(t *testing.T, image v1.Image) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	eachFile(t, image, func(h *tar.Header, data []byte) {
		all["/"+strings.TrimSuffix(h.Name, "/")] = entry{
			mode: h.FileInfo().Mode().String(), owner: fmt.Sprintf("%d:%d", h.Uid, h.Gid), content: fmt.Sprintf("%x", sha256.Sum256(data)),
		}
		if want := time.Unix(1767225600, 0); !h.ModTime.Equal(want) {
			t.Errorf("%s is of %v, want %v", h.Name, h.ModTime, want)
		}
	})
	return all
}

func eachFile(t *testing.T, image v1.Image, do func(*tar.Header, []byte)) {
	t.Helper()
	layers, err := image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		r, err := l.Uncompressed()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		tr := tar.NewReader(r)
		for {
			h, err := tr.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(tr)
			if err != nil {
				t.Fatal(err)
			}
			do(h, data)
		}
	}
}

// TestSameDigest: another directory, another day, another person's settings, the same bytes.
func TestSameDigest(t *testing.T) {
	first := image(t)
	for name, value := range map[string]string{
		"TZ": "Pacific/Auckland", "GOFLAGS": "-tags=other -ldflags=-X=main.release=other", "GOAMD64": "v3", "GOARM64": "v8.1", "CGO_ENABLED": "1", "GOOS": "plan9", "LANG": "tr_TR.UTF-8",
	} {
		t.Setenv(name, value)
	}
	again, err := makeIn("a/longer path/than the first")
	if err != nil {
		t.Fatal(err)
	}
	if again.stdout != strings.ReplaceAll(first.stdout, first.archive, again.archive) {
		t.Errorf("first:\n%sthen:\n%s", first.stdout, again.stdout)
	}
	if a, b := sum(t, first.archive), sum(t, again.archive); a != b {
		t.Errorf("two archives of the same source: %s and %s", a, b)
	}
	t.Log("\n" + first.stdout)
}

func sum(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

// TestContent: nothing but this is in the image.
func TestContent(t *testing.T) {
	want := map[string]string{
		"/mongogate": "-rwx--x--x", "/mongogate.gz": "-r--r--r--", roots.File: "-rw-r--r--", "/tmp": "dtrwxrwxrwx",
		"/etc": "drwxr-xr-x", "/etc/ssl": "drwxr-xr-x", "/etc/ssl/certs": "drwxr-xr-x",
	}
	for _, arch := range []string{"amd64", "arm64"} {
		have := map[string]string{}
		for path, e := range files(t, image(t).platform(t, arch)) {
			have[path] = e.mode
			if e.owner != "0:0" {
				t.Errorf("%s belongs to %s", path, e.owner)
			}
		}
		if !maps.Equal(have, want) {
			t.Errorf("the image for %s has %v, want %v", arch, have, want)
		}
	}
}

// TestArchitecture: each platform has a program for it, static.
func TestArchitecture(t *testing.T) {
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		eachFile(t, image(t).platform(t, arch), func(h *tar.Header, data []byte) {
			if h.Name != "mongogate" {
				return
			}
			f, err := elf.NewFile(bytes.NewReader(data))
			if err != nil {
				t.Fatal(err)
			}
			if f.Machine != machine {
				t.Errorf("linux/%s has a program for %v", arch, f.Machine)
			}
			for _, p := range f.Progs {
				if p.Type == elf.PT_INTERP {
					t.Errorf("the program for %s needs a dynamic linker", arch)
				}
			}
		})
	}
}
