package kube

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
)

const (
	// callTimeout ends a call. A label that should go waits behind one call at most.
	callTimeout = 3 * time.Second
	// maxAnswer is more than etcd stores in one object.
	maxAnswer = 4 << 20
	// maxAfter is how long a feature leaves the API alone at most where the API asks for that, lest one odd answer ends it.
	maxAfter = 30 * time.Second
)

const (
	coreAPI   = "/api/v1"
	batchAPI  = "/apis/batch/v1"
	accessAPI = "/apis/authorization.k8s.io/v1"

	plainJSON = "application/json"
)

// own directs a request to the objects of a kind in the pod's own namespace.
func (c *Client) own(r *rest.Request, api, resource string) *rest.Request {
	return r.AbsPath(api).Namespace(c.pod.Namespace).Resource(resource)
}

// post is a request that creates something.
func (c *Client) post() *rest.Request { return c.rest.Post().SetHeader("Content-Type", plainJSON) }

// readPod reads the own pod from the API's store: without resourceVersion a read is the most recent, never a cache's.
func (c *Client) readPod(ctx context.Context) (*apiPod, error) {
	var p apiPod
	return &p, call(ctx, c.own(c.rest.Get(), coreAPI, "pods").Name(c.pod.Name), nil, &p)
}

// call asks the API, and again where it asks for that (Retry-After) and the call's time allows it. in is the body, nil
// for none; the answer goes to out unless that is nil.
func call(ctx context.Context, r *rest.Request, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("writing the request: %w", err)
		}
		r.Body(b)
	}
	answer, err := r.DoRaw(ctx)
	var (
		refused *refusedError
		status  apierrors.APIStatus
		large   *http.MaxBytesError
	)
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.As(err, &status):
		return refusal(int(status.Status().Code), answer)
	case errors.As(err, &large):
		return fmt.Errorf("an answer of more than %d bytes", large.Limit)
	case err != nil:
		return err
	case out == nil:
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("an answer that is not understood: %w", err)
	}
	return nil
}

// bounds keeps a call within its own, whatever the server sends.
type bounds struct{ next http.RoundTripper }

func (b *bounds) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxAnswer)
	after := retryAfter(res)
	if deadline, ok := req.Context().Deadline(); !ok || after < time.Until(deadline) {
		return res, nil
	}
	// client-go would sleep until the deadline, and then not know what was answered.
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	refused := refusal(res.StatusCode, answer)
	refused.after = after
	return nil, refused
}

// WrappedRoundTripper is how client-go finds the transport whose idle connections are to be closed.
func (b *bounds) WrappedRoundTripper() http.RoundTripper { return b.next }

// retryAfter is how long the server asks to be left alone, by the rule of client-go's checkWait; otherwise zero.
func retryAfter(res *http.Response) time.Duration {
	seconds, err := strconv.Atoi(res.Header.Get("Retry-After"))
	if err != nil || res.StatusCode != http.StatusTooManyRequests && res.StatusCode < 500 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxAfter)
}
