package gate_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func goTool(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out)
}

func TestImportsStandardLibraryOnly(t *testing.T) {
	own := []string{"github.com/mongogate/mongogate/pkg/boottime", "github.com/mongogate/mongogate/pkg/gate", "github.com/mongogate/mongogate/pkg/observer"}
	n := 0
	for p := range strings.FieldsSeq(goTool(t, nil, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")) {
		if n++; !slices.Contains(own, p) {
			t.Errorf("imports %s", p)
		}
	}
	if n == 0 {
		t.Error("go list named no package, not even this one")
	}
}

func TestBuildsElsewhere(t *testing.T) {
	for _, system := range []string{"darwin/arm64", "windows/amd64", "linux/arm64"} {
		t.Run(system, func(t *testing.T) {
			goos, arch, _ := strings.Cut(system, "/")
			goTool(t, []string{"GOOS=" + goos, "GOARCH=" + arch, "CGO_ENABLED=0"}, "build", ".")
		})
	}
}
