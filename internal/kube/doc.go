// Package kube is what a gate asks of the Kubernetes API of its own pod:
// Events, a label on the pod, and the pod's own status as evidence. It is used
// where a setting asks for one of them, and only then is there a client at all.
//
// Promised: no method that a gate calls waits for the API, but for those that say
// how long; every call has a deadline; queues are bounded; what cannot be
// said is dropped, oldest first; goroutines are waited for. A pod is named by its UID as well, so
// that a gate never labels or trusts its successor of the same name. The token is sent to nobody but
// the API server. Token and authorities are read again, for the kubelet replaces them. That the API is away
// makes [Status] say less, never more.
//
// Not promised: that an Event arrives; that the label is right at every moment. The label is routing, not a protection.
//
// Requests are client-go's rest: the configuration of a pod, the token (read again after 50 seconds), the authorities (after
// five minutes) and Retry-After, as far as the call's time allows; a longer one is waited for between calls. Objects are
// small types of our own, for those of client-go's clientset would make the binary 14 MB larger.
package kube
