package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// engineGlibc is the GNU C library that the engine was built against.
const engineGlibc = "2.38"

// newerSuites are the first releases that have it, by the systems that are older.
var newerSuites = map[string]string{"debian": "trixie", "ubuntu": "noble"}

// loaders are the dynamic loader and the library directory by GOARCH.
var loaders = map[string][2]string{
	"amd64": {"ld-linux-x86-64.so.2", "x86_64-linux-gnu"},
	"arm64": {"ld-linux-aarch64.so.1", "aarch64-linux-gnu"},
}

// engineRunner is the command line that runs node. On a Debian or Ubuntu that
// is older than the engine, the C libraries of the next one are unpacked in
// the cache and used for this one process alone: nothing is installed.
func engineRunner(ctx context.Context, node string) ([]string, error) {
	if runtime.GOOS != "linux" {
		return []string{node}, nil
	}
	out, err := exec.CommandContext(ctx, "getconf", "GNU_LIBC_VERSION").Output()
	if err != nil {
		return nil, fmt.Errorf("the engine needs the GNU C library, which getconf does not find here; set %s: %w", uriVariable, err)
	}
	if have := strings.TrimPrefix(strings.TrimSpace(string(out)), "glibc "); !older(have, engineGlibc) {
		return []string{node}, nil
	}
	loader, ok := loaders[runtime.GOARCH]
	if !ok {
		return nil, fmt.Errorf("the engine is not built for %s; set %s", runtime.GOARCH, uriVariable)
	}
	root, err := installGlibc(ctx)
	if err != nil {
		return nil, err
	}
	libraries := filepath.Join(root, "root/usr/lib", loader[1])
	node, err = filepath.EvalSymlinks(node)
	if err != nil {
		return nil, fmt.Errorf("find node: %w", err)
	}
	return []string{filepath.Join(libraries, loader[0]), "--library-path", libraries, node}, nil
}

// older compares versions of the form 2.36.
func older(have, want string) bool {
	var haveMajor, haveMinor, wantMajor, wantMinor int
	fmt.Sscanf(have, "%d.%d", &haveMajor, &haveMinor)
	fmt.Sscanf(want, "%d.%d", &wantMajor, &wantMinor)
	return haveMajor < wantMajor || haveMajor == wantMajor && haveMinor < wantMinor
}

// installGlibc downloads and unpacks the C libraries, from the machine's own
// mirror, with apt directories of our own; apt checks the signatures.
func installGlibc(ctx context.Context) (string, error) {
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "", fmt.Errorf("the engine needs glibc %s: %w", engineGlibc, err)
	}
	system, codename := field(string(release), "ID"), field(string(release), "VERSION_CODENAME")
	suite, ok := newerSuites[system]
	if !ok {
		return "", fmt.Errorf("the engine needs glibc %s, and for %q no way to get it is known; set %s", engineGlibc, system, uriVariable)
	}
	apt, err := look("apt-get", "apt, for the C libraries that the engine needs")
	if err != nil {
		return "", err
	}
	source, err := newerSource("/etc/apt", codename, suite)
	if err != nil {
		return "", err
	}
	return install(ctx, "glibc-"+suite, []byte(source+runtime.GOARCH), func(ctx context.Context, dir string) error {
		for _, sub := range []string{"sources", "state/lists/partial", "cache/archives/partial", "root"} {
			if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(dir, "sources/newer.sources"), []byte(source), 0o644); err != nil {
			return err
		}
		options := []string{
			"-qq", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=" + filepath.Join(dir, "sources"),
			"-o", "Dir::State::lists=" + filepath.Join(dir, "state/lists"), "-o", "Dir::Cache=" + filepath.Join(dir, "cache"),
			"-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "-o", "Acquire::Languages=none",
		}
		for _, verb := range [][]string{{"update"}, {"download", "libc6", "libgcc-s1", "libstdc++6"}} {
			if err := run(ctx, dir, apt, append(options, verb...)...); err != nil {
				return err
			}
		}
		packages, err := filepath.Glob(filepath.Join(dir, "*.deb"))
		if err != nil || len(packages) != 3 {
			return errors.Join(fmt.Errorf("apt-get download gave %d packages, not 3", len(packages)), err)
		}
		for _, deb := range packages {
			if err := run(ctx, dir, "dpkg", "-x", deb, filepath.Join(dir, "root")); err != nil {
				return err
			}
		}
		return errors.Join(os.RemoveAll(filepath.Join(dir, "state")), os.RemoveAll(filepath.Join(dir, "cache")))
	})
}

// field reads KEY=value or KEY="value" from os-release.
func field(text, key string) string {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			return strings.Trim(value, `"`)
		}
	}
	return ""
}
