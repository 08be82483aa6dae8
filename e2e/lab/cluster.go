//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"
	clientgo "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ErrNotOwned is the answer of what may be done only to clusters of our own.
var ErrNotOwned = errors.New("not a cluster of ours")

// The components that can be held.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubelet           = "kubelet"
	Containerd        = "containerd"
)

// Cluster is one of the two.
type Cluster struct {
	Name       string
	Owned      bool
	Root       string // of the repository
	Kubeconfig string
	Config     *rest.Config
	client.Client
	// Typed is for what the client cannot do: logs, exec, evictions.
	Typed kubernetes.Interface
}

func openCluster(name, kubeconfig, root string, owned bool) (*Cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("lab: cluster %s: %w", name, err)
	}
	// A dozen scenarios share it; the default of 5 a second is meant for one controller.
	config.QPS, config.Burst = 200, 400
	c := &Cluster{Name: name, Owned: owned, Root: root, Kubeconfig: kubeconfig, Config: config}
	if c.Client, err = client.New(config, client.Options{Scheme: clientgo.Scheme}); err != nil {
		return nil, fmt.Errorf("lab: cluster %s: %w", name, err)
	}
	if c.Typed, err = kubernetes.NewForConfig(config); err != nil {
		return nil, fmt.Errorf("lab: cluster %s: %w", name, err)
	}
	return c, nil
}

// Minor is the version 1.x of its API server.
func (c *Cluster) Minor() (int, error) {
	version, err := c.Typed.Discovery().ServerVersion()
	if err != nil {
		return 0, fmt.Errorf("lab: version of cluster %s: %w", c.Name, err)
	}
	minor, err := strconv.Atoi(strings.TrimRight(version.Minor, "+")) // "36+" in some clouds
	if err != nil || version.Major != "1" {
		return 0, fmt.Errorf("lab: version of cluster %s: %s.%s", c.Name, version.Major, version.Minor)
	}
	return minor, nil
}

// Stop kills every process of the cluster at once and keeps its data: a power cut.
func (c *Cluster) Stop(ctx context.Context) error { return c.script(ctx, "stop", c.Name) }

// Start starts it again, and returns when its node is ready.
func (c *Cluster) Start(ctx context.Context) error { return c.script(ctx, "start", c.Name) }

// Hold kills a component, and keeps it from coming back until Release.
func (c *Cluster) Hold(ctx context.Context, component string) error {
	return c.script(ctx, "hold", c.Name, component)
}

// Release lets a component start again.
func (c *Cluster) Release(ctx context.Context, component string) error {
	return c.script(ctx, "release", c.Name, component)
}

// Restart kills a component, which then comes back by itself.
func (c *Cluster) Restart(ctx context.Context, component string) error {
	return c.script(ctx, "restart", c.Name, component)
}

func (c *Cluster) script(ctx context.Context, args ...string) error {
	if !c.Owned {
		return fmt.Errorf("lab: %s: %w", strings.Join(args, " "), ErrNotOwned)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(c.Root, "hack", "kube", "cluster.sh"), args...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("lab: cluster.sh %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
