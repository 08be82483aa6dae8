//go:build linux

package kube

import (
	"os"
	"strconv"
	"strings"

	"github.com/mongogate/mongogate/test/must"
)

// number is the one that follows a name in a file of the kernel's.
func (p *Pod) number(file, name string) int64 {
	p.s.t.Helper()
	b := must.Get(os.ReadFile(file))(p.s.t)
	for line := range strings.Lines(string(b)) {
		if text, ok := strings.CutPrefix(line, name); ok {
			n, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(text), " kB"), 10, 64)
			if err != nil {
				p.s.t.Fatalf("%s: %v", file, err)
			}
			return n
		}
	}
	p.s.t.Fatalf("%s has no %s", file, name)
	return 0
}
