package devdb

import (
	"slices"
	"strings"
	"testing"
)

func TestParseNeed(t *testing.T) {
	for list, want := range map[string]Need{
		"": 0, "tls": TLS, "Change-Streams, sign-in": ChangeStreams | Auth, "step-down,fail points,": StepDown | FailPoints,
		everything.String(): everything,
	} {
		if got, err := ParseNeed(list); err != nil || got != want {
			t.Errorf("%q: %v (%v), want %v", list, got, err, want)
		}
	}
	if _, err := ParseNeed("tls,speed"); err == nil || !strings.Contains(err.Error(), "speed") || !strings.Contains(err.Error(), "elections") {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestMissingAndBanner(t *testing.T) {
	s := &Server{Name: "MongoDB engine", Version: "9", Kind: Engine, Features: Restart}
	if got := s.Missing(Restart | TLS | ChangeStreams); !slices.Equal(got, []string{"change streams", "TLS"}) {
		t.Errorf("missing: %v", got)
	}
	if got := s.Missing(Restart); got != nil {
		t.Errorf("missing: %v", got)
	}
	want := "database: MongoDB engine 9 (embedded, one member, no change streams, no sign-in, no TLS, no fail points, no step-down)"
	if got := s.Banner(); got != want {
		t.Errorf("banner: %s", got)
	}
}
