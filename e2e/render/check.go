package render

import (
	"fmt"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	psa "k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
)

// Check holds everything that was rendered together against every rule of this
// package, and returns one problem a line: empty is good.
func Check(objects []runtime.Object) []string {
	var (
		problems []string
		all      []Gate
	)
	for _, w := range Workloads(objects) {
		for _, rule := range []func(Workload) []string{PodSecurity, Confined, Mounts, Ports} {
			for _, p := range rule(w) {
				problems = append(problems, w.String()+": "+p)
			}
		}
		gates, refused := Gates(w, objects)
		all = append(all, gates...)
		for _, p := range append(refused, Unsafe(w, gates, objects)...) {
			problems = append(problems, w.String()+": "+p)
		}
	}
	return append(problems, Rights(objects, all)...)
}

// PodSecurity is what the profile restricted:latest has against a pod.
func PodSecurity(w Workload) []string {
	e, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	level := psa.LevelVersion{Level: psa.LevelRestricted, Version: psa.LatestVersion()}
	for _, r := range e.EvaluatePod(level, &w.Pod.ObjectMeta, &w.Pod.Spec) {
		if !r.Allowed {
			problems = append(problems, "PodSecurity restricted: "+r.ForbiddenReason+": "+r.ForbiddenDetail)
		}
	}
	return problems
}

// Confined is what this project asks of every pod beyond PodSecurity: a read-only root
// file system, no service account token without a use for it, memory limits, and no CPU limit,
// under which a gate is throttled and loses its lock.
func Confined(w Workload) []string {
	var problems []string
	for _, c := range w.Containers() {
		if s := c.SecurityContext; s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
			problems = append(problems, c.Name+": its root file system can be written")
		}
		if _, found := c.Resources.Limits[corev1.ResourceCPU]; found {
			problems = append(problems, c.Name+": a CPU limit throttles the gate until it loses the lock")
		}
		if isGate(c) {
			if _, found := c.Resources.Requests[corev1.ResourceMemory]; !found {
				problems = append(problems, c.Name+": no memory is requested for the gate")
			}
		}
	}
	return problems
}

// Mounts is every mount without a volume, volume without a mount, mount by
// subPath (which never sees a rotated secret), and two mounts at one place.
func Mounts(w Workload) []string {
	var problems []string
	volumes := map[string]int{}
	for _, v := range w.Pod.Spec.Volumes {
		if _, twice := volumes[v.Name]; twice {
			problems = append(problems, "two volumes are called "+v.Name)
		}
		volumes[v.Name] = 0
	}
	for _, claim := range claims(w) {
		volumes[claim] = 0
	}
	for _, c := range w.Containers() {
		at := map[string]bool{}
		for _, m := range c.VolumeMounts {
			if _, found := volumes[m.Name]; !found {
				problems = append(problems, fmt.Sprintf("%s: mount %s has no volume", c.Name, m.Name))
			}
			volumes[m.Name]++
			if m.SubPath != "" || m.SubPathExpr != "" {
				problems = append(problems, fmt.Sprintf("%s: mount %s has a subPath: it never sees a change", c.Name, m.Name))
			}
			if at[path.Clean(m.MountPath)] {
				problems = append(problems, fmt.Sprintf("%s: two mounts at %s", c.Name, m.MountPath))
			}
			at[path.Clean(m.MountPath)] = true
		}
	}
	for name, uses := range volumes {
		if uses == 0 && !slices.Contains(claims(w), name) {
			problems = append(problems, "no container mounts volume "+name)
		}
	}
	slices.Sort(problems)
	return problems
}

// Ports is every port that has its name or number twice in a pod, and every probe of a named port that there is not.
func Ports(w Workload) []string {
	var problems []string
	seen, named := map[string]string{}, map[string]string{}
	for _, c := range w.Containers() {
		names := map[string]bool{}
		for _, p := range c.Ports {
			names[p.Name] = p.Name != ""
			if other := named[p.Name]; other != "" {
				problems = append(problems, fmt.Sprintf("%s and %s both have a port named %s", other, c.Name, p.Name))
			}
			if p.Name != "" {
				named[p.Name] = c.Name
			}
			id := fmt.Sprintf("port %d/%s", p.ContainerPort, p.Protocol)
			if other := seen[id]; other != "" {
				problems = append(problems, fmt.Sprintf("%s and %s both have %s", other, c.Name, id))
			}
			seen[id] = c.Name
		}
		for _, p := range probes(c) {
			if p.HTTPGet != nil && p.HTTPGet.Port.StrVal != "" && !names[p.HTTPGet.Port.StrVal] {
				problems = append(problems, fmt.Sprintf("%s: a probe asks port %q, which the container has not", c.Name, p.HTTPGet.Port.StrVal))
			}
		}
	}
	return problems
}

func probes(c Container) []*corev1.Probe {
	return slices.DeleteFunc([]*corev1.Probe{c.StartupProbe, c.ReadinessProbe, c.LivenessProbe}, func(p *corev1.Probe) bool { return p == nil })
}

// isGate says whether the first program of a container is ours.
func isGate(c Container) bool {
	return program(c) == "mongogate" || len(c.Command) == 0 && strings.Contains("/"+c.Image, "/mongogate")
}

func program(c Container) string {
	if len(c.Command) == 0 {
		return ""
	}
	return path.Base(c.Command[0])
}

// claims are the volumes that a StatefulSet makes for each pod.
func claims(w Workload) (names []string) {
	if s, ok := w.Object.(*appsv1.StatefulSet); ok {
		for _, c := range s.Spec.VolumeClaimTemplates {
			names = append(names, c.Name)
		}
	}
	return names
}
