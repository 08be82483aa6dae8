//go:build linux

package docs

import (
	"strings"
	"testing"
)

// TestReadmeIsShort: one to two screens. What does not fit has a page under docs/.
func TestReadmeIsShort(t *testing.T) {
	const most = 900
	if n := len(strings.Fields(pageOf(t, "README.md"))); n > most {
		t.Errorf("README.md has %d words, and may have %d: move what is more to a page under docs/", n, most)
	}
}
