package devdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// dataDir is a server's directory, thrown away with the server.
type dataDir struct {
	path   string
	mark   string
	unlock func()
}

// newDataDir makes an empty private directory. A mark in the cache, locked
// while this process lives, says whose it is: the next call removes the
// directories of processes that were killed.
func newDataDir(ctx context.Context) (*dataDir, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	marks := filepath.Join(cache, "run")
	if err := os.MkdirAll(marks, 0o755); err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	unlock, err := lockFile(ctx, filepath.Join(marks, "lock"))
	if err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	defer unlock()
	if err := sweep(marks); err != nil {
		return nil, fmt.Errorf("remove data that were left over: %w", err)
	}
	// In the directory for temporary files, for the engine's Unix socket is in
	// it and a socket's path must be short.
	path, err := os.MkdirTemp("", "mongogate-db-")
	if err != nil {
		return nil, fmt.Errorf("make a data directory: %w", err)
	}
	data := &dataDir{path: path, mark: filepath.Join(marks, filepath.Base(path)+".mark")}
	if data.unlock, err = tryLock(data.mark); err == nil {
		err = os.WriteFile(data.mark, []byte(path), 0o644)
	}
	if err != nil {
		_ = os.RemoveAll(path)
		return nil, fmt.Errorf("mark a data directory: %w", err)
	}
	return data, nil
}

func (d *dataDir) remove() error {
	err := os.RemoveAll(d.path)
	if err == nil {
		err = os.Remove(d.mark)
	}
	d.unlock()
	if err != nil {
		return fmt.Errorf("remove the data directory: %w", err)
	}
	return nil
}

// sweep removes the directories whose marks are locked by nobody.
func sweep(marks string) error {
	found, err := filepath.Glob(filepath.Join(marks, "*.mark"))
	if err != nil {
		return err
	}
	for _, mark := range found {
		unlock, err := tryLock(mark)
		if errors.Is(err, errLocked) {
			continue
		}
		if err != nil {
			return err
		}
		path, err := os.ReadFile(mark)
		// The prefix is asked for, so that a damaged mark removes nothing else.
		if err == nil && strings.HasPrefix(filepath.Base(string(path)), "mongogate-db-") {
			err = os.RemoveAll(string(path))
		}
		if err == nil {
			err = os.Remove(mark)
		}
		unlock()
		if err != nil {
			return err
		}
	}
	return nil
}
