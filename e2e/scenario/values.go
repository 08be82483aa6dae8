//go:build linux

package scenario

import (
	"strings"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/witness"
)

// base are the values of the chart from which all installations of a scenario
// start: the worker, marked for the witness, under `run`.
func (s *Scenario) base(cluster string) kube.Values {
	return kube.Values{
		"image":   image(s.Lab.WorkerImage),
		"command": []any{"/worker"},
		"env": []any{
			map[string]any{"name": witness.EnvKey, "value": s.Key},
			map[string]any{"name": witness.EnvCluster, "value": cluster},
		},
		"gate": kube.Values{
			"image":    image(s.Lab.Image),
			"cluster":  cluster,
			"ttl":      s.opts.TTL.String(),
			"database": kube.Values{"existingSecret": kube.URISecret},
		},
	}
}

// image takes a reference apart, as charts want it: registry/repository:tag.
func image(reference string) kube.Values {
	registry, rest, _ := strings.Cut(reference, "/")
	repository, tag, _ := strings.Cut(rest, ":")
	return kube.Values{"registry": registry, "repository": repository, "tag": tag}
}
