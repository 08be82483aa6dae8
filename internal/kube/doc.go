// Package kube is what a gate asks of the Kubernetes API of its own pod:
// Events, a label on the pod, and the pod's own status as evidence. It is used
// where a setting asks for one of them, and only then is there a client at all.
//
// Promised: no method that a gate calls waits for the API, but for those that say
// how long; every call has a deadline; queues are bounded; what cannot be
// said is dropped, oldest first; goroutines are waited for. A pod is named by its UID as well, so
// that a gate never labels or trusts its successor of the same name. The token is read for each
// call, for the kubelet replaces it, and is sent to nobody but the API server. That the API is away
// makes [Status] say less, never more.
//
// Not promised: that an Event arrives; that the label is right at every moment. The label is routing, not a fence.
//
// It speaks plain HTTP because client-go costs what a gate beside each workload cannot afford: its rest package alone
// makes the binary 3.7 MB larger (19.0 instead of 15.3 MB), and gate and guard 5 MB (34.8 instead of 29.5 MB of resident memory).
package kube
