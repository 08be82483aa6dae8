package devdb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Resident is a server for people: it runs beside them until it is told to end.
// There is one per cache directory.
type Resident struct {
	PID    int    `json:"pid"`
	URI    string `json:"uri"`
	Banner string `json:"banner"`
}

// ErrNoResident is the answer of FindResident where none runs.
var ErrNoResident = errors.New("no database of ours is running")

// Reside starts a server as the resident one, and keeps it until ctx ends. It
// is what the background process does.
func Reside(ctx context.Context, options Options) (err error) {
	file, lock, err := residentFiles()
	if err != nil {
		return err
	}
	// The lock is the proof that the resident lives; its file alone is none.
	// It is waited for, because who looks for the resident has it for a moment.
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	unlock, err := lockFile(short, lock)
	if err != nil {
		return fmt.Errorf("devdb: take the resident's place: %w", err)
	}
	defer unlock()
	server, err := StartWith(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file), server.Close()) }()
	text, err := json.Marshal(Resident{PID: os.Getpid(), URI: server.URI, Banner: server.Banner()})
	if err != nil {
		return fmt.Errorf("devdb: tell the resident's address: %w", err)
	}
	// In one step, and for this user only: there may be a password in the URI.
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return fmt.Errorf("devdb: tell the resident's address: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("devdb: tell the resident's address: %w", err)
	}
	<-ctx.Done()
	return nil
}

// FindResident tells which server is the resident one, or ErrNoResident. One
// that is still being started is none yet.
func FindResident() (Resident, error) {
	file, lock, err := residentFiles()
	if err != nil {
		return Resident{}, err
	}
	unlock, err := tryLock(lock)
	if err == nil {
		unlock()
		return Resident{}, ErrNoResident
	}
	if !errors.Is(err, errLocked) {
		return Resident{}, fmt.Errorf("devdb: look for the resident: %w", err)
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return Resident{}, ErrNoResident
	}
	var resident Resident
	if err == nil {
		err = json.Unmarshal(text, &resident)
	}
	if err != nil {
		return Resident{}, fmt.Errorf("devdb: look for the resident: %w", err)
	}
	return resident, nil
}

// EndResident ends the resident server and returns when it is gone, or ErrNoResident.
func EndResident(ctx context.Context) error {
	resident, err := FindResident()
	if err != nil {
		return err
	}
	process, err := os.FindProcess(resident.PID)
	if err == nil {
		err = process.Signal(os.Interrupt)
	}
	if err != nil {
		return fmt.Errorf("devdb: end the resident: %w", err)
	}
	for {
		if _, err := FindResident(); errors.Is(err, ErrNoResident) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("devdb: the resident, process %d, has not ended: %w", resident.PID, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// residentFiles are where the resident is told, and its lock.
func residentFiles() (file, lock string, err error) {
	cache, err := cacheDir()
	if err != nil {
		return "", "", fmt.Errorf("devdb: %w", err)
	}
	return filepath.Join(cache, "resident.json"), filepath.Join(cache, "resident.lock"), nil
}
