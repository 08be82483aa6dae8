package kube

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/pkg/problem"
)

// AccountDir is where the kubelet mounts a pod's service account.
const AccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

// maxAccountFile is more than a token or a bundle of authorities has.
const maxAccountFile = 1 << 20

// Pod is the gate's own pod.
type Pod struct {
	Namespace, Name, UID, Node string
	// JobName and JobUID are of the Job that owns it, if one does and it is known.
	JobName, JobUID string
}

// Client calls the API server of the own cluster as the pod's service account.
type Client struct {
	pod  Pod
	rest *rest.RESTClient
}

// Place is where a gate is, as far as that has to be known to reach the API.
type Place struct {
	// Host and Port are KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT, which the kubelet sets in every container.
	Host, Port string
	// Account is the directory with the service account's token: AccountDir, but for tests.
	Account string
	// Pod is the pod. Its namespace is that of the service account.
	Pod Pod
}

// New makes a client, without a call. The error joins a [problem.Problem] for everything that is missing.
func New(p Place) (*Client, error) {
	var missing []error
	miss := func(what, remedy string) { missing = append(missing, problem.Problem{Message: what, Remedy: remedy}) }
	if p.Host == "" || p.Port == "" {
		miss("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", "this works in a pod only")
	}
	if p.Pod.Name == "" {
		miss("the pod's name is not known", "set POD_NAME by the downward API (fieldPath: metadata.name)")
	}
	if p.Pod.UID == "" {
		miss("the pod's UID is not known", "set POD_UID by the downward API (fieldPath: metadata.uid)")
	}
	c := &Client{pod: p.Pod}
	namespace, err := p.file("namespace")
	c.pod.Namespace = string(namespace)
	_, tokenErr := p.file("token")
	_, caErr := p.file("ca.crt") // without it client-go would trust the system's authorities
	if err = cmp.Or(err, tokenErr, caErr); err == nil && len(missing) == 0 {
		c.rest, err = p.connect()
	}
	if err != nil {
		miss("there is no service account to ask as: "+err.Error(), "set automountServiceAccountToken: true in the pod, and give its service account the rights")
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	return c, nil
}

// file reads a file of the service account.
func (p Place) file(name string) ([]byte, error) {
	path := filepath.Join(p.Account, name)
	b, err := smallfile.Read(path, maxAccountFile)
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return b, nil
}

// Close closes connections. Calls after it open new ones.
func (c *Client) Close() {
	utilnet.CloseIdleConnectionsFor(c.rest.Client.Transport)
}
