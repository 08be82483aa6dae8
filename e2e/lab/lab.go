//go:build linux

// Package lab is the ground on which the scenarios run: two clusters, one
// database, and proxies between them that break connections.
//
// It runs on clusters of our own (hack/kube/cluster.sh), which can be stopped
// and crippled, or on any others (E2E_KUBECONFIGS), which cannot.
package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/mongogate/mongogate/test/devdb"
)

// Environment variables that say what to run on. hack/e2e.sh sets them.
const (
	EnvKubeconfigs = "E2E_KUBECONFIGS"  // of cluster a and b, with a comma between them
	EnvOwned       = "E2E_OWNED"        // not empty: made by cluster.sh, which may do anything to them
	EnvHost        = "E2E_HOST_ADDRESS" // of this machine, as pods see it
	EnvImage       = "E2E_IMAGE"
	EnvWorkerImage = "E2E_WORKER_IMAGE"
	EnvServers     = "E2E_SERVERS_IMAGE" // with real servers; there need not be one
)

// Lab is two clusters and a database.
type Lab struct {
	A, B *Cluster
	DB   *Database
	// Image and WorkerImage are in both clusters.
	Image, WorkerImage string
	// ServersImage too; empty where there is none.
	ServersImage string

	host net.IP
}

// Open finds the clusters and starts the database. Close it.
func Open(ctx context.Context) (*Lab, error) {
	paths := strings.Split(os.Getenv(EnvKubeconfigs), ",")
	if len(paths) != 2 {
		return nil, fmt.Errorf("lab: %s is to name two kubeconfigs with a comma between them; make e2e does", EnvKubeconfigs)
	}
	host := net.ParseIP(os.Getenv(EnvHost))
	if host == nil {
		return nil, fmt.Errorf("lab: %s is to be the IP address at which pods reach this machine", EnvHost)
	}
	root, err := repository()
	if err != nil {
		return nil, err
	}
	l := &Lab{host: host, Image: or(EnvImage, "docker.io/mongogate/mongogate:dev"), WorkerImage: or(EnvWorkerImage, "mongogate.test/worker:1"), ServersImage: os.Getenv(EnvServers)}
	owned := os.Getenv(EnvOwned) != ""
	var errs [2]error
	l.A, errs[0] = openCluster(nameOf("a", paths[0], owned), paths[0], root, owned)
	l.B, errs[1] = openCluster(nameOf("b", paths[1], owned), paths[1], root, owned)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	l.DB, err = l.OpenDatabase(ctx, devdb.Options{})
	return l, err
}

// nameOf is how cluster.sh knows a cluster of our own: by the directory of its
// kubeconfig, RUN/NAME/kubeconfig/admin. Others have the name that scenarios use.
func nameOf(otherwise, kubeconfig string, owned bool) string {
	if !owned {
		return otherwise
	}
	return filepath.Base(filepath.Dir(filepath.Dir(kubeconfig)))
}

// Close ends the database. Clusters are left as they are.
func (l *Lab) Close() error { return l.DB.Close() }

// Clusters are both.
func (l *Lab) Clusters() []*Cluster { return []*Cluster{l.A, l.B} }

// repository is the directory of the main module: scripts and charts are there.
func repository() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "hack", "kube", "cluster.sh")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			err = errors.New("no directory above has hack/kube/cluster.sh")
		}
		dir = filepath.Dir(dir)
	}
	return "", fmt.Errorf("lab: looking for the repository: %w", err)
}

func or(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}
