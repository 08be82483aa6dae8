package kube

import (
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// silence keeps client-go from writing to stderr in a format of its own: what fails is known by the calls that fail.
var silence = sync.OnceFunc(func() { klog.SetLogger(logr.Discard()) }) //nolint:gochecknoglobals // klog is global

// connect makes client-go's client. It reads the files that the kubelet replaces again:
// the token after 50 seconds, the authorities after five minutes.
func (p Place) connect() (*rest.RESTClient, error) {
	if p.Account == AccountDir {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, err
		}
		return connect(config)
	}
	return connect(&rest.Config{
		Host:            "https://" + net.JoinHostPort(p.Host, p.Port),
		BearerTokenFile: filepath.Join(p.Account, "token"),
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(p.Account, "ca.crt")},
	})
}

func connect(config *rest.Config) (*rest.RESTClient, error) {
	silence()
	config.UserAgent = "mongogate"
	// HTTP/1.1: a call that is given up takes its connection with it, so a dead one is never used again.
	config.NextProtos = []string{"http/1.1"}
	if config.Dial == nil {
		// A connection is made beside the call that wants it and goes on without it, so it has a limit of its own.
		config.Dial = (&net.Dialer{Timeout: callTimeout}).DialContext
	}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return &bounds{next} })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	// The token goes to the API server and nowhere else: client-go adds it to whatever a redirect names.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	base, err := url.Parse(config.Host)
	if err != nil {
		return nil, err
	}
	// Without a limit of calls: there are few, one after another. Without a serializer: our types are plain JSON.
	return rest.NewRESTClient(base, "", rest.ClientContentConfig{AcceptContentTypes: plainJSON}, nil, client)
}
