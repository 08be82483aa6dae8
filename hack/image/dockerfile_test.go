//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/buildkit/client/llb"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerui"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/mongogate/mongogate/hack/image/internal/product"
)

func dockerfile(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// builder stands for the registry: a base image is not more than its environment.
type builder struct{}

func (builder) ResolveImageConfig(_ context.Context, ref string, _ sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	config, err := json.Marshal(map[string]any{
		"os": "linux", "architecture": "amd64", "config": map[string]any{"Env": []string{"PATH=/usr/local/go/bin:/usr/bin:/bin"}},
	})
	return ref, digest.FromBytes(config), config, err
}

// buildKit is how BuildKit is asked for the image of a platform.
func buildKit(text []byte, arch string) dockerfile2llb.ConvertOpt {
	target := ocispec.Platform{OS: "linux", Architecture: arch}
	source := llb.NewSourceMap(nil, "Dockerfile", "Dockerfile", text)
	source.Definition = &llb.Definition{}
	return dockerfile2llb.ConvertOpt{
		Config: dockerui.Config{
			BuildArgs:      map[string]string{"VERSION": version, "REVISION": revision, "SOURCE_DATE_EPOCH": epoch},
			BuildPlatforms: []ocispec.Platform{{OS: "linux", Architecture: "amd64"}},
			LinterConfig:   &linter.Config{ExperimentalAll: true},
		},
		MetaResolver:   builder{},
		SourceMap:      source,
		TargetPlatform: &target,
	}
}

// lint are the findings of BuildKit's linter, that of docker build --check.
func lint(t *testing.T, text []byte) []string {
	t.Helper()
	results, err := dockerfile2llb.DockerfileLint(t.Context(), text, buildKit(text, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	var findings []string
	for _, w := range results.Warnings {
		findings = append(findings, w.RuleName+": "+w.Detail)
	}
	if results.Error != nil {
		findings = append(findings, results.Error.Message)
	}
	return findings
}

func TestDockerfileHasNoFindings(t *testing.T) {
	text := dockerfile(t)
	for _, f := range lint(t, text) {
		t.Error(f)
	}
	for finding, wrong := range map[string]string{
		"FromAsCasing":            strings.Replace(string(text), " AS build", " as build", 1),
		"JSONArgsRecommended":     strings.Replace(string(text), `ENTRYPOINT ["/mongogate"]`, "ENTRYPOINT /mongogate", 1),
		"UndefinedVar":            strings.Replace(string(text), `"$REVISION"`, `"$REVISON"`, 1),
		"unknown instruction: US": strings.Replace(string(text), "USER 65532", "US 65532", 1),
	} {
		if found := strings.Join(lint(t, []byte(wrong)), "\n"); !strings.Contains(found, finding) {
			t.Errorf("a Dockerfile with a fault of the kind %s: found %q", finding, found)
		}
	}
}

// TestDockerfileSaysTheSame: BuildKit, asked what the image's configuration would be, says what ours is.
func TestDockerfileSaysTheSame(t *testing.T) {
	text := dockerfile(t)
	for _, arch := range []string{"amd64", "arm64"} {
		result, err := dockerfile2llb.Dockerfile2LLB(t.Context(), text, buildKit(text, arch))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := image(t).platform(t, arch).ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if result.Image.OS != ours.OS || result.Image.Architecture != ours.Architecture {
			t.Errorf("BuildKit makes %s/%s, we %s/%s", result.Image.OS, result.Image.Architecture, ours.OS, ours.Architecture)
		}
		if !result.Epoch.Equal(ours.Created.Time) {
			t.Errorf("BuildKit's image is of %v, ours of %v", result.Epoch, ours.Created)
		}
		var theirs v1.Config
		if err := convert(result.Image.Config, &theirs); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(theirs, ours.Config) {
			t.Errorf("the Dockerfile says\n%+v, and we say\n%+v", theirs, ours.Config)
		}
		if ours.Config.User != product.User || len(ours.Config.Entrypoint) != 1 || ours.Config.Labels["org.opencontainers.image.version"] != version {
			t.Errorf("the configuration is %+v", ours.Config)
		}
	}
}

func convert(from, to any) error {
	data, err := json.Marshal(from)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, to)
}

// TestDockerfileMakesTheSame runs the steps of the Dockerfile, here instead of in a container,
// and compares each file with those of our image.
func TestDockerfileMakesTheSame(t *testing.T) {
	stages, global := parse(t)
	if len(stages) != 2 || stages[1].BaseName != "scratch" {
		t.Fatalf("want a stage that builds, and an empty one")
	}
	copied := 0
	for _, c := range stages[1].Commands {
		switch c := c.(type) {
		case *instructions.CopyCommand:
			copied++
			if c.From != stages[0].Name || !slices.Equal(c.SourcePaths, []string{"/rootfs/"}) || c.DestPath != "/" || c.Chown != "" || c.Chmod != "" {
				t.Errorf("the image gets %s; want /rootfs/ of the first stage, as it is", c)
			}
		case *instructions.RunCommand, *instructions.AddCommand, *instructions.WorkdirCommand:
			t.Errorf("%s adds to the image and is not looked at by this test", c)
		}
	}
	if copied != 1 {
		t.Errorf("%d COPY to the image, want 1", copied)
	}
	for _, arch := range []string{"amd64", "arm64"} {
		dir := t.TempDir()
		args := maps.Clone(global)
		maps.Copy(args, map[string]string{"TARGETOS": "linux", "TARGETARCH": arch, "VERSION": version})
		s := steps{t: t, root: dir, args: args, env: []string{"GOTOOLCHAIN=go" + global["GO_VERSION"], "GOFLAGS="}}
		for _, c := range stages[0].Commands {
			s.do(c)
		}
		theirs, ours := tree(t, filepath.Join(dir, "rootfs")), files(t, image(t).platform(t, arch))
		for _, path := range slices.Sorted(maps.Keys(ours)) {
			if theirs[path] != ours[path] {
				t.Errorf("linux/%s %s: the Dockerfile makes %v, we %v", arch, path, theirs[path], ours[path])
			}
			delete(theirs, path)
		}
		for path := range theirs {
			t.Errorf("linux/%s %s: the Dockerfile makes it, we do not", arch, path)
		}
	}
}

func parse(t *testing.T) (stages []instructions.Stage, global map[string]string) {
	t.Helper()
	parsed, err := parser.Parse(bytes.NewReader(dockerfile(t)))
	if err != nil {
		t.Fatal(err)
	}
	stages, args, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	global = map[string]string{}
	for _, a := range args {
		for _, kv := range a.Args {
			global[kv.Key] = kv.ValueString()
		}
	}
	return stages, global
}

// steps does what a container engine does with the instructions of a stage, below another root.
type steps struct {
	t    *testing.T
	root string
	dir  string
	args map[string]string // what the build is given
	env  []string
}

func (s *steps) do(c instructions.Command) {
	s.t.Helper()
	switch c := c.(type) {
	case *instructions.ArgCommand:
		for _, a := range c.Args {
			value, given := s.args[a.Key]
			if !given {
				value = a.ValueString()
			}
			s.env = append(s.env, a.Key+"="+value)
		}
	case *instructions.WorkdirCommand:
		s.dir = filepath.Join(s.root, c.Path)
	case *instructions.CopyCommand:
		if c.From != "" || !slices.Equal(c.SourcePaths, []string{"."}) || c.DestPath != "." {
			s.t.Fatalf("%s: this test knows COPY . . only", c)
		}
		if err := os.CopyFS(s.dir, os.DirFS(filepath.Join(scratch, "context"))); err != nil {
			s.t.Fatal(err)
		}
	case *instructions.RunCommand:
		// The one directory that the steps know by its whole name.
		line := strings.ReplaceAll(strings.Join(c.CmdLine, " "), "/rootfs", filepath.Join(s.root, "rootfs"))
		cmd := exec.Command("sh", "-c", "umask 022; "+line)
		cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Fatalf("%s: %v\n%s", line, err, out)
		}
	default:
		s.t.Fatalf("%s: this test does not know it", c.Name())
	}
}

// tree are the files below a directory, as they would be in an image.
func tree(t *testing.T, dir string) map[string]entry {
	t.Helper()
	all := map[string]entry{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		var data []byte
		if !d.IsDir() {
			if data, err = os.ReadFile(path); err != nil {
				return err
			}
		}
		// Whoever runs this test stands for the root of the container.
		all[strings.TrimPrefix(path, dir)] = entry{mode: info.Mode().String(), owner: "0:0", content: fmt.Sprintf("%x", sha256.Sum256(data))}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
