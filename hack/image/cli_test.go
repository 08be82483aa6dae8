//go:build linux

package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongUse: what is wrong is said before anything is compiled.
func TestWrongUse(t *testing.T) {
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "Dockerfile"), []byte("ARG GO_VERSION=1.99.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	none := t.TempDir()
	if err := os.WriteFile(filepath.Join(none, "Dockerfile"), []byte("FROM scratch\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	good := []string{"-source", repository, "-out", filepath.Join(t.TempDir(), "x.tar"), "-version", "v1", "-name", "a:1"}
	for _, c := range []struct {
		args        []string
		epoch, want string
	}{
		{good[:4], "", "-version"},
		{good, "yesterday", "SOURCE_DATE_EPOCH"},
		{good, "-1", "SOURCE_DATE_EPOCH"},
		{append(good, "-source", other), "", "GOTOOLCHAIN=go1.99.0"},
		{append(good, "-source", none), "", "ARG GO_VERSION"},
		{append(good, "-platforms", "a/b/c/d/e"), "", `platform "a/b/c/d/e"`},
		{append(good, "-platforms", "linux/abacus"), "", "linux/abacus"},
	} {
		err := run(t.Context(), c.args, func(string) string { return c.epoch }, io.Discard)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with SOURCE_DATE_EPOCH=%q: %v; want a word of %s", c.args, c.epoch, err, c.want)
		}
	}
}
