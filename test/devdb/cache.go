package devdb

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// cacheDir is where installations and the marks of running servers are kept.
func cacheDir() (string, error) {
	dir := os.Getenv("MONGOGATE_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("no cache directory, set MONGOGATE_CACHE: %w", err)
		}
		dir = filepath.Join(user, "mongogate")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("MONGOGATE_CACHE: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache directory, or set MONGOGATE_CACHE to another: %w", err)
	}
	return dir, nil
}

// install gives the directory of an installation and makes it first if it is
// not there. The directory's name has a digest of what it is made from, so
// that a change of a pin is another installation. build fills an empty
// directory, which then gets its name in one step: a half-made one is never
// seen. One process builds, the others wait for it.
func install(ctx context.Context, name string, madeFrom []byte, build func(ctx context.Context, dir string) error) (string, error) {
	cache, err := cacheDir()
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(madeFrom)
	dir := filepath.Join(cache, fmt.Sprintf("%s-%x", name, digest[:6]))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	unlock, err := lockFile(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	temporary, err := os.MkdirTemp(cache, name+".new-")
	if err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	defer os.RemoveAll(temporary)
	if err := build(ctx, temporary); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	if err := os.Rename(temporary, dir); err != nil {
		return "", fmt.Errorf("install %s: %w", name, err)
	}
	return dir, nil
}

// lockFile takes an exclusive lock on a file, and waits for it until ctx ends.
// The lock goes with the process.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	for {
		unlock, err := tryLock(path)
		if err == nil {
			return unlock, nil
		}
		if !errors.Is(err, errLocked) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s, which another process holds: %w", path, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}
