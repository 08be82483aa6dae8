package kube

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mongogate/mongogate/pkg/printable"
)

// maxReason is how much of an answer's message is kept.
const maxReason = 400

// refusedError is an answer that is no yes. reason is a word of meta/v1
// (StatusReason) where the API server itself has answered, and empty where something before it has.
type refusedError struct {
	code            int
	reason, message string
	after           time.Duration // how long the server asks to be left alone, where that is longer than a call
}

func (e *refusedError) Error() string {
	s := fmt.Sprintf("the Kubernetes API answered %d %s", e.code, http.StatusText(e.code))
	if e.message != "" {
		s += ": " + e.message
	}
	return s
}

// refusal reads a Status of meta/v1, which proxies before the API server do not send.
func refusal(code int, answer []byte) *refusedError {
	var status struct{ Kind, Reason, Message string }
	if json.Unmarshal(answer, &status) != nil || status.Kind != "Status" {
		return &refusedError{code: code}
	}
	return &refusedError{code: code, reason: status.Reason, message: printable.Text(status.Message, maxReason)}
}

// answered says whether the API server itself has given one of these reasons.
func answered(err error, reasons ...string) bool {
	var refused *refusedError
	return errors.As(err, &refused) && slices.Contains(reasons, refused.reason)
}

// codeOf is the code of a refusal, 0 where nobody has answered.
func codeOf(err error) int {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.code
	}
	return 0
}

// after is how long an error asks to be left alone.
func after(err error) time.Duration {
	var refused *refusedError
	if errors.As(err, &refused) {
		return refused.after
	}
	return 0
}

// remedy says what to do about an error, as far as that is known. right is the rule that the call needs.
func remedy(err error, right string) string {
	switch codeOf(err) {
	case http.StatusUnauthorized:
		return "the service account's token is not accepted; is the pod still there?"
	case http.StatusForbidden:
		return "give the pod's service account the right: " + right
	}
	return ""
}
