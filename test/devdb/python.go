package devdb

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The pins, with a digest for every file that may be downloaded. Made with
// uv pip compile --universal --python-version 3.10 --generate-hashes.
var (
	//go:embed python/mongolock.txt
	mongolockPins string
	//go:embed python/secantus.txt
	secantusPins string
)

// PythonEnv is the Python interpreter of an environment that has the real
// mongolock 1.3.4 and pymongo 3.13.0, for tests of living together with its
// workers. It is installed at the first call.
func PythonEnv(ctx context.Context) (interpreter string, err error) {
	interpreter, err = installPython(ctx, "mongolock", mongolockPins)
	if err != nil {
		return "", fmt.Errorf("devdb: python environment: %w", err)
	}
	return interpreter, nil
}

// installPython makes a virtual environment with what pins list.
func installPython(ctx context.Context, name, pins string) (interpreter string, err error) {
	python, err := look("python3", "Python 3.10 or newer, with its venv module")
	if err != nil {
		return "", err
	}
	dir, err := install(ctx, name, []byte(pins), func(ctx context.Context, dir string) error {
		// It is renamed later: only bin/python may be used, the scripts beside it have their old path in them.
		if err := run(ctx, dir, python, "-m", "venv", dir); err != nil {
			return fmt.Errorf("make a virtual environment (on Debian it takes the package python3-venv): %w", err)
		}
		requirements := filepath.Join(dir, "requirements.txt")
		if err := os.WriteFile(requirements, []byte(pins), 0o644); err != nil {
			return err
		}
		return run(ctx, dir, filepath.Join(dir, "bin/python"), "-m", "pip", "install",
			"--quiet", "--no-input", "--disable-pip-version-check", "--require-hashes", "--requirement", requirements)
	})
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "bin/python"), nil
}

// pinned is the version of a package in a list of pins.
func pinned(pins, name string) string {
	for line := range strings.Lines(pins) {
		if version, ok := strings.CutPrefix(line, name+"=="); ok {
			return strings.Trim(version, " \\\n")
		}
	}
	return ""
}
