package kube

import "context"

// Right is something that a service account may be allowed to do in its own namespace.
type Right struct{ Verb, Resource, Group string }

// The rights of the features.
var (
	MayWriteEvents = Right{"create", "events", ""} //nolint:gochecknoglobals // constants
	MayLabel       = Right{"patch", "pods", ""}    //nolint:gochecknoglobals // constants
	MayReadJobs    = Right{"get", "jobs", "batch"} //nolint:gochecknoglobals // constants
	MayRead        = Right{"get", "pods", ""}      //nolint:gochecknoglobals // constants
)

// Can asks the API whether the service account has a right, as kubectl auth can-i does.
func (c *Client) Can(ctx context.Context, r Right) (bool, error) {
	ask := object{
		"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
		"spec": object{"resourceAttributes": object{"namespace": c.pod.Namespace, "verb": r.Verb, "resource": r.Resource, "group": r.Group}},
	}
	var answer struct {
		Status struct {
			Allowed bool `json:"allowed"`
		} `json:"status"`
	}
	err := call(ctx, c.post().AbsPath(accessAPI, "selfsubjectaccessreviews"), ask, &answer)
	return answer.Status.Allowed, err
}

// Provable reads the pod and says why its status can never be evidence; nil where it can.
func (c *Client) Provable(ctx context.Context, marker string) error {
	p, err := c.readPod(ctx)
	if err != nil {
		return err
	}
	return provable(p, c.pod, marker)
}
