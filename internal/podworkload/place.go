//go:build linux

package podworkload

import (
	"slices"
	"strings"

	"github.com/mongogate/mongogate/internal/proctree"
)

// place is where a process is: its path in each hierarchy of cgroups, by the controllers of that ("" for version 2).
// Seen from a namespace of cgroups, as runtimes make it, our own path is / and another's begins with /.. (cgroup_namespaces(7)).
type place map[string]string

// placeOf reads what [proctree.Process.Cgroup] gives.
func placeOf(p proctree.Process) (place, error) {
	text, err := p.Cgroup()
	if err != nil {
		return nil, err
	}
	return parsePlace(text), nil
}

func parsePlace(text string) place {
	c := place{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), " (deleted)") // of a zombie whose other threads live
		controllers, path := "", line
		if fields := strings.SplitN(line, ":", 3); len(fields) == 3 && !strings.HasPrefix(line, "/") {
			controllers, path = fields[1], fields[2]
		}
		c[controllers] = path
	}
	return c
}

// below is true for a path and those below it.
func below(path, top string) bool {
	if top == "/" {
		return strings.HasPrefix(path, "/") && path != "/.." && !strings.HasPrefix(path, "/../")
	}
	return path == top || strings.HasPrefix(path, top+"/")
}

// apart are the hierarchies in which another process is neither where we are nor below.
func (c place) apart(other place) []string {
	var names []string
	for name, path := range c {
		if theirs, ok := other[name]; ok && !below(theirs, path) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// in is true where c is top, or below it, in every one of some hierarchies. One in which it is elsewhere is enough for no.
func (c place) in(top place, hierarchies []string) bool {
	for _, name := range hierarchies {
		ours, ok := c[name]
		theirs, known := top[name]
		if !ok || !known || !below(ours, theirs) {
			return false
		}
	}
	return len(hierarchies) > 0
}

// above is true where own is in c or below it, in any of some hierarchies.
func (c place) above(own place, hierarchies []string) bool {
	return slices.ContainsFunc(hierarchies, func(name string) bool {
		path := c[name]
		return below(own[name], path) || path != "/" && strings.Trim(path, "/.") == ""
	})
}

// key is the same for processes of one cgroup.
func (c place) key(hierarchies []string) string {
	paths := make([]string, 0, len(hierarchies))
	for _, name := range hierarchies {
		paths = append(paths, c[name])
	}
	return strings.Join(paths, "\n")
}
