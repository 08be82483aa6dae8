package kube

import (
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/printable"
)

// An Event's message is as long as the API allows, and everything in it shows.
func TestAMessageShowsEverything(t *testing.T) {
	for _, message := range []string{"a\x1b[2J\r\nb\u202e", strings.Repeat("é\x1b", 1<<20)} {
		o := event(Pod{Name: "p"}, reference{Name: "p"}, Event{Reason: "R", Message: message}, time.Now())
		if said, ok := o["message"].(string); !ok || len(said) > maxMessage || !printable.Visible(said) {
			t.Errorf("%.200q", said)
		}
	}
}
