// Package render holds what the project hands to Kubernetes against what
// Kubernetes, PodSecurity and the gate itself accept, without a cluster: kustomizations and charts alike.
//
// A test renders, calls [Decode], and reports every problem of [Check]. Not
// covered: what only an API server validates; the end-to-end suite applies every sample for that.
package render

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// strict refuses fields that a type does not have, and those that are given twice.
var strict = serializer.NewCodecFactory(scheme.Scheme, serializer.EnableStrict).UniversalDeserializer()

// Decode reads a stream of YAML documents into typed objects, as strictly as an API
// server with fieldValidation=Strict. Empty documents are left out. A kind of a group that Kubernetes does
// not have itself (PodMonitor and the like) comes back as [unstructured.Unstructured].
func Decode(stream []byte) ([]runtime.Object, error) {
	var (
		objects []runtime.Object
		errs    []error
		docs    = utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	)
	for {
		doc, err := docs.Read()
		if errors.Is(err, io.EOF) {
			return objects, errors.Join(errs...)
		}
		if err != nil {
			return nil, fmt.Errorf("splitting the stream: %w", err)
		}
		if blank(doc) {
			continue
		}
		o, err := decodeOne(doc)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", first(doc), err))
			continue
		}
		objects = append(objects, o)
	}
}

func decodeOne(doc []byte) (runtime.Object, error) {
	var about metav1.TypeMeta
	if err := yaml.Unmarshal(doc, &about); err != nil {
		return nil, err
	}
	gvk := schema.FromAPIVersionAndKind(about.APIVersion, about.Kind)
	if gvk.Kind == "" || gvk.Version == "" {
		return nil, errors.New("no apiVersion or no kind")
	}
	if !scheme.Scheme.IsGroupRegistered(gvk.Group) {
		u := new(unstructured.Unstructured)
		return u, yaml.UnmarshalStrict(doc, &u.Object)
	}
	o, _, err := strict.Decode(doc, nil, nil)
	return o, err
}

// Workload is an object that makes pods.
type Workload struct {
	Kind, Name string
	Object     runtime.Object
	// Pod is the template, or the pod itself.
	Pod corev1.PodTemplateSpec
}

func (w Workload) String() string { return w.Kind + " " + w.Name }

// Workloads are the objects that make pods, in the order in which they were rendered.
func Workloads(objects []runtime.Object) []Workload {
	var all []Workload
	add := func(kind string, o runtime.Object, name string, pod corev1.PodTemplateSpec) {
		all = append(all, Workload{Kind: kind, Name: name, Object: o, Pod: pod})
	}
	for _, o := range objects {
		switch o := o.(type) {
		case *corev1.Pod:
			add("Pod", o, o.Name, corev1.PodTemplateSpec{ObjectMeta: o.ObjectMeta, Spec: o.Spec})
		case *appsv1.Deployment:
			add("Deployment", o, o.Name, o.Spec.Template)
		case *appsv1.StatefulSet:
			add("StatefulSet", o, o.Name, o.Spec.Template)
		case *appsv1.DaemonSet:
			add("DaemonSet", o, o.Name, o.Spec.Template)
		case *batchv1.Job:
			add("Job", o, o.Name, o.Spec.Template)
		case *batchv1.CronJob:
			add("CronJob", o, o.Name, o.Spec.JobTemplate.Spec.Template)
		}
	}
	return all
}

// Container is a container of a pod.
type Container struct {
	corev1.Container
	// Init is true for init containers, Sidecar for those of them that stay.
	Init, Sidecar bool
}

// Containers are all of a pod, in the order in which they start.
func (w Workload) Containers() []Container {
	var all []Container
	for _, c := range w.Pod.Spec.InitContainers {
		stays := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		all = append(all, Container{c, true, stays})
	}
	for _, c := range w.Pod.Spec.Containers {
		all = append(all, Container{c, false, false})
	}
	return all
}

func blank(doc []byte) bool {
	for line := range strings.Lines(string(doc)) {
		if line = strings.TrimSpace(line); line != "" && line != "---" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

// first says which document is meant.
func first(doc []byte) string {
	var o metav1.PartialObjectMetadata
	if yaml.Unmarshal(doc, &o) == nil && o.Kind != "" {
		return o.Kind + " " + o.Name
	}
	line, _, _ := strings.Cut(strings.TrimSpace(string(doc)), "\n")
	return line
}
