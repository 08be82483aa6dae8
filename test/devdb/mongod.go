package devdb

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// mongodPath finds the server that MONGOGATE_MONGOD names, or mongod on PATH.
func mongodPath() (string, error) {
	name := os.Getenv(mongodVariable)
	if name == "" {
		name = "mongod"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find the server that %s names, or mongod: %w", mongodVariable, err)
	}
	return filepath.Abs(path)
}

// startMongod starts three members of a binary that is there.
func startMongod(ctx context.Context, options Options) (*Server, error) {
	mongod, err := mongodPath()
	if err != nil {
		return nil, err
	}
	return startSet(ctx, options, Mongod, func(data *dataDir, _ *secrets, ports []string) (*keeper, error) {
		return keep([]string{"sh"}, append([]string{mongod, data.path, "127.0.0.1"}, ports...)...)
	})
}

// startSet starts a replica set of three members under the keeper that keep gives.
func startSet(ctx context.Context, options Options, kind Kind,
	keep func(data *dataDir, secrets *secrets, ports []string) (*keeper, error),
) (*Server, error) {
	data, err := newDataDir(ctx)
	if err != nil {
		return nil, err
	}
	secrets, err := newSecrets(options.Need, data.path)
	if err != nil {
		return nil, joinRemove(err, data)
	}
	ports, err := threePorts(options.Port)
	if err != nil {
		return nil, joinRemove(err, data)
	}
	set := &replicaSet{ports: ports, uri: func(member string) string { return secrets.direct(member) }}
	if secrets.tls() {
		set.args = []string{
			"--tlsMode", "requireTLS", "--tlsCertificateKeyFile", secrets.both, "--tlsCAFile", secrets.authority,
			"--tlsAllowConnectionsWithoutCertificates",
		}
	}
	var words []string
	for _, port := range ports {
		words = append(words, strconv.Itoa(port))
	}
	if set.keeper, err = keep(data, secrets, words); err != nil {
		return nil, joinRemove(err, data)
	}
	server := &Server{
		Name: "MongoDB", Kind: kind, URI: secrets.uri(set.members(), setName, true),
		Features: offers(kind)&^(Auth|TLS) | options.Need&(Auth|TLS), control: set, data: data,
	}
	if err := set.create(ctx, secrets); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	if secrets.auth() {
		secrets.enforced = true
		if err := set.up(ctx, set.members()); err != nil {
			return nil, errors.Join(err, server.Close())
		}
	}
	return server, nil
}

// threePorts are the ones from first on, or, if first is 0, three that are free
// now. Somebody else may take one before the server does; then it does not
// start and says why.
func threePorts(first int) ([]int, error) {
	if first != 0 {
		return []int{first, first + 1, first + 2}, nil
	}
	var ports []int
	for range 3 {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer listener.Close()
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
