package devdb

import (
	"context"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// engineFiles are the program around the engine and the pins of its packages.
// The lock file says what may be downloaded (by digest), not from where: that
// is npm's setting.
//
//go:embed engine/engine.js engine/package.json engine/package-lock.json
var engineFiles embed.FS

// startEngine starts MongoDB's own engine in Node.js.
func startEngine(ctx context.Context, options Options) (*Server, error) {
	node, err := look("node", "Node.js 20 or newer")
	if err != nil {
		return nil, err
	}
	dir, err := installEngine(ctx)
	if err != nil {
		return nil, err
	}
	runner, err := engineRunner(ctx, node)
	if err != nil {
		return nil, err
	}
	data, err := newDataDir(ctx)
	if err != nil {
		return nil, err
	}
	server := &Server{Name: "MongoDB engine", Kind: Engine, Features: offers(Engine), data: data}
	single := &single{start: func(ctx context.Context, port int) (*process, int, error) {
		args := slices.Concat(runner, []string{filepath.Join(dir, "engine.js"), data.path, strconv.Itoa(port)})
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(),
			// The engine makes a socket in the directory for temporary files; killed, it leaves it there.
			"TMPDIR="+data.path,
			// It acknowledges j: true without having written its journal, and kill -9 then loses up to 100 ms of
			// writes (seen). With this, WiredTiger hands each commit to the operating system before it is acknowledged.
			"WIREDTIGER_CONFIG=transaction_sync=(enabled=true,method=none)")
		return startReady(ctx, cmd)
	}}
	server.control = single
	if err := single.begin(ctx, options.Port); err != nil {
		return nil, joinRemove(err, data)
	}
	server.URI = fmt.Sprintf("mongodb://%s/?directConnection=true", single.members()[0])
	return server, nil
}

// installEngine installs the engine's npm packages.
func installEngine(ctx context.Context) (string, error) {
	npm, err := look("npm", "npm (it comes with Node.js)")
	if err != nil {
		return "", err
	}
	entries, err := engineFiles.ReadDir("engine")
	if err != nil {
		return "", fmt.Errorf("read the engine's files: %w", err)
	}
	var all []byte
	for _, entry := range entries {
		content, err := engineFiles.ReadFile("engine/" + entry.Name())
		if err != nil {
			return "", fmt.Errorf("read the engine's files: %w", err)
		}
		all = append(all, content...)
	}
	return install(ctx, "engine", all, func(ctx context.Context, dir string) error {
		for _, entry := range entries {
			content, err := engineFiles.ReadFile("engine/" + entry.Name())
			if err != nil {
				return fmt.Errorf("read the engine's files: %w", err)
			}
			if err := os.WriteFile(filepath.Join(dir, entry.Name()), content, 0o644); err != nil {
				return err
			}
		}
		return run(ctx, dir, npm, "ci", "--no-fund", "--no-audit", "--ignore-scripts", "--loglevel=error")
	})
}

// look finds a program, or says what is missing and what helps.
func look(program, what string) (string, error) {
	path, err := exec.LookPath(program)
	if err != nil {
		return "", fmt.Errorf("%s is missing: install %s, or set %s to the URI of a MongoDB server (4.4 or newer), or %s to a mongod: %w",
			program, what, uriVariable, mongodVariable, err)
	}
	return filepath.Abs(path)
}

// run runs a tool to its end. The error has what it printed.
func run(ctx context.Context, dir, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return nil
}
