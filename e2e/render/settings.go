package render

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/spf13/pflag"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Gate is a container that runs mongogate, with the settings that the binary would find there.
type Gate struct {
	Container
	// Command is the subcommand.
	Command string
	// Wraps is what stands after the two dashes of run.
	Wraps []string
	// Settings is nil for a subcommand that has none.
	*settings.Settings
}

// withoutSettings are the subcommands that take no flags from the table.
var withoutSettings = []string{"install", "version"}

// Gates reads, with the binary's own package, the settings of every container of a pod that runs mongogate,
// and of every exec probe that does, from flags, variables and mounted files. What the pod would be told
// by the Downward API, a Secret or a Job controller is made up. refused is what the binary would refuse to start with.
func Gates(w Workload, objects []runtime.Object) (gates []Gate, refused []string) {
	return newPodWorld(w, objects).gates()
}

func (p podWorld) gates() (gates []Gate, refused []string) {
	for _, c := range p.w.Containers() {
		if isGate(c) {
			argv := slices.Concat(c.Command, c.Args)
			if program(c) == "mongogate" {
				argv = argv[1:]
			}
			g, err := p.read(c, argv)
			if err != nil {
				refused = append(refused, fmt.Sprintf("%s: mongogate %s would not start: %v", c.Name, strings.Join(argv, " "), err))
				continue
			}
			gates = append(gates, g)
		}
		for _, probe := range probes(c) {
			if probe.Exec == nil || path.Base(probe.Exec.Command[0]) != "mongogate" {
				continue
			}
			if _, err := p.read(c, probe.Exec.Command[1:]); err != nil {
				refused = append(refused, fmt.Sprintf("%s: its probe would fail: %v", c.Name, err))
			}
			if !p.has(c, probe.Exec.Command[0]) {
				refused = append(refused, fmt.Sprintf("%s: its probe starts %s, which no mount or image has", c.Name, probe.Exec.Command[0]))
			}
		}
		if program(c) == "mongogate" && !p.has(c, c.Command[0]) {
			refused = append(refused, fmt.Sprintf("%s: it starts %s, which no mount or image has", c.Name, c.Command[0]))
		}
	}
	return gates, refused
}

// podWorld is what a pod would see.
type podWorld struct {
	w       Workload
	objects []runtime.Object
	now     time.Time
	// ordinal is the pod's number in a StatefulSet or an Indexed Job.
	ordinal int
}

func newPodWorld(w Workload, objects []runtime.Object) podWorld {
	return podWorld{w: w, objects: objects, now: time.Date(2026, 11, 22, 12, 0, 5, 0, time.UTC)}
}

func (p podWorld) read(c Container, argv []string) (Gate, error) {
	env, err := p.environ(c)
	if err != nil {
		return Gate{}, err
	}
	argv = slices.Clone(argv)
	for i := range argv {
		argv[i] = expand(argv[i], env)
	}
	if len(argv) == 0 {
		return Gate{}, errors.New("no subcommand")
	}
	g := Gate{Container: c, Command: argv[0]}
	if slices.Contains(withoutSettings, g.Command) {
		return g, nil
	}
	own, rest := argv[1:], []string(nil)
	if at := slices.Index(argv, "--"); at > 0 {
		own, rest = argv[1:at], argv[at+1:]
	}
	g.Wraps = rest
	if g.Command == "run" && len(rest) == 0 {
		return Gate{}, errors.New("run without a command after two dashes")
	}
	flags := pflag.NewFlagSet(g.Command, pflag.ContinueOnError)
	settings.Register(g.Command, flags)
	if err := flags.Parse(own); err != nil {
		return Gate{}, settings.FlagError(g.Command, flags, err)
	}
	out := settings.Outside{
		ReadFile: func(name string) ([]byte, error) { return p.file(c, name) },
		Hostname: "machine", UID: 65532, Now: p.now, CheckURI: checkURI,
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		out.Environ = append(out.Environ, name+"="+env[name])
	}
	g.Settings, err = settings.Load(g.Command, flags, out)
	return g, err
}

// checkURI leaves the file out that --tls-ca-file puts in: it is there only in the pod.
func checkURI(uri string) error { return mongolock.CheckURI(caFile.ReplaceAllString(uri, "")) }

var caFile = regexp.MustCompile(`&?tlsCAFile=[^&]*`)

// environ is the environment of a container.
func (p podWorld) environ(c Container) (map[string]string, error) {
	env := map[string]string{"KUBERNETES_SERVICE_HOST": "10.96.0.1"}
	if p.indexed() {
		env["JOB_COMPLETION_INDEX"] = strconv.Itoa(p.ordinal)
	}
	for _, from := range c.EnvFrom {
		if from.ConfigMapRef != nil {
			maps.Copy(env, p.configMap(from.ConfigMapRef.Name))
		}
	}
	for _, v := range c.Env {
		switch from := v.ValueFrom; {
		case from == nil:
			env[v.Name] = expand(v.Value, env)
		case from.FieldRef != nil:
			value, err := p.field(from.FieldRef.FieldPath)
			if err != nil {
				return nil, fmt.Errorf("variable %s: %w", v.Name, err)
			}
			env[v.Name] = value
		case from.SecretKeyRef != nil:
			env[v.Name] = uri
		case from.ConfigMapKeyRef != nil:
			env[v.Name] = p.configMap(from.ConfigMapKeyRef.Name)[from.ConfigMapKeyRef.Key]
		}
	}
	return env, nil
}

// uri stands for whatever a Secret holds.
const uri = "mongodb://gate:secret@db.example.org/?tls=true"

// expand puts $(NAME) in, as the kubelet does.
func expand(s string, env map[string]string) string {
	for name, value := range env {
		s = strings.ReplaceAll(s, "$("+name+")", value)
	}
	return s
}

func (p podWorld) field(path string) (string, error) {
	if key, found := subscript(path, "metadata.labels"); found {
		return p.labels()[key], nil
	}
	if key, found := subscript(path, "metadata.annotations"); found {
		return p.w.Pod.Annotations[key], nil
	}
	known := map[string]string{
		"metadata.name": fmt.Sprintf("%s-%d", p.w.Name, p.ordinal), "metadata.namespace": "team", "metadata.uid": "4f0c64b5-b8c2-4d75-9a42-000000000000",
		"spec.nodeName": "node-1", "spec.serviceAccountName": "default", "status.podIP": "10.244.0.9", "status.hostIP": "10.0.0.9",
	}
	value, found := known[path]
	if !found {
		return "", fmt.Errorf("the Downward API has no field %s", path)
	}
	return value, nil
}

func subscript(path, of string) (string, bool) {
	rest, found := strings.CutPrefix(path, of+"['")
	key, closed := strings.CutSuffix(rest, "']")
	return key, found && closed
}

// indexed says whether the pod has a completion index.
func (p podWorld) indexed() bool {
	var spec *batchv1.JobSpec
	switch o := p.w.Object.(type) {
	case *batchv1.Job:
		spec = &o.Spec
	case *batchv1.CronJob:
		spec = &o.Spec.JobTemplate.Spec
	default:
		return false
	}
	return spec.CompletionMode != nil && *spec.CompletionMode == batchv1.IndexedCompletion
}

// labels are the pod's, with those of its controller.
func (p podWorld) labels() map[string]string {
	labels := maps.Clone(p.w.Pod.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	job := map[string]string{"Job": p.w.Name, "CronJob": fmt.Sprintf("%s-%d", p.w.Name, p.now.Unix()/60)}[p.w.Kind]
	if job != "" {
		labels["batch.kubernetes.io/job-name"] = job
		labels["batch.kubernetes.io/controller-uid"] = "9d1d1a4e-47ac-4a6e-8c41-000000000000"
	}
	if p.w.Kind == "StatefulSet" {
		labels["apps.kubernetes.io/pod-index"], labels["statefulset.kubernetes.io/pod-name"] = strconv.Itoa(p.ordinal), fmt.Sprintf("%s-%d", p.w.Name, p.ordinal)
	}
	if p.indexed() {
		labels["batch.kubernetes.io/job-completion-index"] = strconv.Itoa(p.ordinal)
	}
	return labels
}

// file is what a container would read from its mounts.
func (p podWorld) file(c Container, name string) ([]byte, error) {
	missing := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	for _, m := range c.VolumeMounts {
		rest, found := strings.CutPrefix(path.Clean(name), path.Clean(m.MountPath)+"/")
		if !found {
			continue
		}
		at := slices.IndexFunc(p.w.Pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name })
		if at < 0 {
			return nil, missing
		}
		switch v := p.w.Pod.Spec.Volumes[at]; {
		case v.DownwardAPI != nil:
			for _, item := range v.DownwardAPI.Items {
				if item.Path == rest && item.FieldRef != nil && item.FieldRef.FieldPath == "metadata.labels" {
					return labelFile(p.labels()), nil
				}
			}
		case v.Secret != nil && inItems(v.Secret.Items, rest):
			if strings.HasSuffix(rest, ".crt") {
				return authority()
			}
			return []byte(uri), nil
		case v.ConfigMap != nil && inItems(v.ConfigMap.Items, rest):
			if text, found := p.configMap(v.ConfigMap.Name)[rest]; found {
				return []byte(text), nil
			}
			return authority()
		}
	}
	return nil, missing
}

func inItems(items []corev1.KeyToPath, name string) bool {
	return len(items) == 0 || slices.ContainsFunc(items, func(i corev1.KeyToPath) bool { return i.Path == name })
}

func labelFile(labels map[string]string) []byte {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&b, "%s=%q\n", key, labels[key])
	}
	return []byte(b.String())
}

func (p podWorld) configMap(name string) map[string]string {
	for _, o := range p.objects {
		if m, ok := o.(*corev1.ConfigMap); ok && m.Name == name {
			return m.Data
		}
	}
	return nil
}

// has says whether a container would find the program: in our own image, or in a volume that install wrote to.
func (p podWorld) has(c Container, program string) bool {
	if program == "/mongogate" {
		return strings.Contains("/"+c.Image, "/mongogate")
	}
	for _, m := range c.VolumeMounts {
		if path.Dir(program) != path.Clean(m.MountPath) {
			continue
		}
		for _, other := range p.w.Containers() {
			argv := slices.Concat(other.Command, other.Args)
			if !other.Init || !slices.Contains(argv, "install") {
				continue
			}
			to := argv[len(argv)-1]
			if slices.ContainsFunc(other.VolumeMounts, func(o corev1.VolumeMount) bool { return o.Name == m.Name && path.Clean(o.MountPath) == path.Clean(to) }) {
				return true
			}
		}
	}
	return false
}
