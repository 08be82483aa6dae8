package kube

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/mongogate/mongogate/internal/smallfile"
)

// AccountDir is where the kubelet mounts a pod's service account.
const AccountDir = "/var/run/secrets/kubernetes.io/serviceaccount"

const (
	// callTimeout ends a call. A label that should go waits behind one call at most.
	callTimeout = 3 * time.Second
	// maxAnswer is more than etcd stores in one object.
	maxAnswer = 4 << 20
	// maxAccountFile is more than a token or a bundle of authorities has.
	maxAccountFile = 1 << 20
)

// Pod is the gate's own pod.
type Pod struct {
	Namespace, Name, UID, Node string
	// JobName and JobUID are of the Job that owns it, if one does and it is known.
	JobName, JobUID string
}

// Client calls the API server of the own cluster as the pod's service account.
type Client struct {
	pod  Pod
	base string
	dir  string

	mu   sync.Mutex
	ca   []byte
	http *http.Client // trusts ca
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

// Missing is something without which the API cannot be asked, and how to provide it.
type Missing struct{ What, Remedy string }

func (m *Missing) Error() string { return m.What + "; " + m.Remedy }

// New makes a client, without a call. The error joins a [*Missing] for everything that is.
func New(p Place) (*Client, error) {
	var missing []error
	miss := func(what, remedy string) { missing = append(missing, &Missing{what, remedy}) }
	if p.Host == "" || p.Port == "" {
		miss("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set", "this works in a pod only")
	}
	if p.Pod.Name == "" {
		miss("the pod's name is not known", "set POD_NAME by the downward API (fieldPath: metadata.name)")
	}
	if p.Pod.UID == "" {
		miss("the pod's UID is not known", "set POD_UID by the downward API (fieldPath: metadata.uid)")
	}
	c := &Client{pod: p.Pod, base: "https://" + net.JoinHostPort(p.Host, p.Port), dir: p.Account}
	namespace, err := c.file("namespace")
	c.pod.Namespace = string(namespace)
	_, tokenErr := c.file("token")
	_, caErr := c.file("ca.crt")
	if first := cmp.Or(err, tokenErr, caErr); first != nil {
		miss("there is no service account to ask as: "+first.Error(), "set automountServiceAccountToken: true in the pod, and give its service account the rights")
	}
	if len(missing) > 0 {
		return nil, errors.Join(missing...)
	}
	return c, nil
}

// file reads a file of the service account.
func (c *Client) file(name string) ([]byte, error) {
	path := filepath.Join(c.dir, name)
	b, err := smallfile.Read(path, maxAccountFile)
	if err != nil {
		return nil, err
	}
	if b = bytes.TrimSpace(b); len(b) == 0 {
		return nil, fmt.Errorf("%s is empty", path)
	}
	return b, nil
}

// trusting gives the HTTP client that trusts the cluster's authorities as they are now.
func (c *Client) trusting() (*http.Client, error) {
	ca, err := c.file("ca.crt")
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil && bytes.Equal(ca, c.ca) {
		return c.http, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(c.dir, "ca.crt"))
	}
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
	c.ca = ca
	c.http = &http.Client{
		// HTTP/1.1: a call that is given up takes its connection with it, so a dead one is never used again.
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment,
			// A connection is made beside the call that wants it and goes on without it, so it has limits of its own;
			// how many are made is not limited, for a later call would wait for those that are made in vain.
			DialContext:         (&net.Dialer{Timeout: callTimeout}).DialContext,
			TLSHandshakeTimeout: callTimeout,
			TLSClientConfig:     &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
			IdleConnTimeout:     30 * time.Second,
		},
		// The token goes to the API server and nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c.http, nil
}

// Close closes connections. Calls after it open new ones.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.http != nil {
		c.http.CloseIdleConnections()
	}
}

const (
	plainJSON  = "application/json"
	mergePatch = "application/merge-patch+json"
)

// call asks the API, once. in is the body, nil for none; the answer goes to out unless that is nil.
func (c *Client) call(ctx context.Context, method, path, kind string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client, err := c.trusting()
	if err != nil {
		return err
	}
	token, err := c.file("token")
	if err != nil {
		return err
	}
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+string(token))
	req.Header.Set("Accept", plainJSON)
	req.Header.Set("User-Agent", "mongogate")
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("reading the answer: %w", err)
	case len(answer) > maxAnswer:
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	case res.StatusCode < 200 || res.StatusCode > 299:
		return refusal(res.StatusCode, answer)
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("an answer that is not understood: %w", err)
	}
	return nil
}

// path is that of an object of the pod's namespace in the core group; name may be empty.
func (c *Client) path(resource, name string) string {
	p := "/api/v1/namespaces/" + url.PathEscape(c.pod.Namespace) + "/" + resource
	if name != "" {
		p += "/" + url.PathEscape(name)
	}
	return p
}
