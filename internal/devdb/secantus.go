package devdb

import (
	"context"
	_ "embed"
	"errors"
	"os/exec"
	"path/filepath"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/mongo"
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
	enforce := false
	single := &single{start: func(ctx context.Context, port int) (*process, int, error) {
		args := []string{"-c", secantusProgram, filepath.Join(data.path, "db"), strconv.Itoa(port)}
		if enforce {
			args = append(args, "--auth")
		}
		if secrets.tls() {
			args = append(args, "--tls", secrets.certificate, secrets.key)
		}
		return startReady(ctx, exec.Command(python, args...))
	}}
	server.control = single
	if err := single.up(ctx, options.Port); err != nil {
		return nil, joinRemove(err, data)
	}
	server.URI = secrets.uri(single.addr(), "secantus", false)
	server.Features = offers(Secantus)&^(Auth|TLS) | options.Need&(Auth|TLS)
	if secrets.auth() {
		// The first user is made while nobody is asked who they are.
		err := server.with(ctx, func(client *mongo.Client) error { return secrets.addRoot(ctx, client) })
		if err == nil {
			enforce = true
			server.URI = secrets.uri(single.addr(), "secantus", true)
			err = server.Restart(ctx)
		}
		if err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	return server, nil
}
