package devdb

import (
	"context"
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

//go:embed python/secantus.py
var secantusProgram string

// startSecantus starts SecantusDB, with every commit synced to the disk.
func startSecantus(ctx context.Context, options Options) (*Server, error) {
	python, err := installPython(ctx, "secantus", secantusPins)
	if err != nil {
		return nil, err
	}
	data, err := newDataDir(ctx)
	if err != nil {
		return nil, err
	}
	server := &Server{Name: "SecantusDB " + pinned(secantusPins, "secantusdb") + ", which answers as", Kind: Secantus, data: data}
	secrets, err := newSecrets(options.Need, data.path)
	if err != nil {
		return nil, joinRemove(err, data)
	}
	program := filepath.Join(data.path, "serve.py") // not secantus.py, which would hide the package
	if err := os.WriteFile(program, []byte(secantusProgram), 0o644); err != nil {
		return nil, joinRemove(err, data)
	}
	single := &single{start: func(ctx context.Context, port int) (*process, int, error) {
		args := []string{program, filepath.Join(data.path, "db"), strconv.Itoa(port)}
		if secrets.enforced {
			args = append(args, "--auth")
		}
		if secrets.tls() {
			args = append(args, "--tls", secrets.certificate, secrets.key)
		}
		return startReady(ctx, exec.Command(python, args...))
	}}
	server.control = single
	if err := single.begin(ctx, options.Port); err != nil {
		return nil, joinRemove(err, data)
	}
	server.URI = secrets.uri(single.members(), "secantus", false)
	server.Features = offers(Secantus)&^(Auth|TLS) | options.Need&(Auth|TLS)
	if secrets.auth() {
		// The first user is made while nobody is asked who they are.
		err := withClient(ctx, server.URI, secrets.addRoot)
		if err == nil {
			secrets.enforced = true
			server.URI = secrets.uri(single.members(), "secantus", true)
			err = server.Restart(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	return server, nil
}
