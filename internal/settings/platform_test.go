package settings

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/bucket"
)

func printed(field any) string {
	switch f := field.(type) {
	case *Secret:
		return f.Reveal()
	case **bucket.Template:
		return (*f).String()
	case *bucket.Spec:
		return f.String()
	case *string:
		return *f
	case *[]string:
		return strings.Join(*f, ",")
	case **time.Location:
		return (*f).String()
	default:
		return fmt.Sprint(reflect.ValueOf(field).Elem())
	}
}

const labels = `app="reports"
batch.kubernetes.io/controller-uid="8f9b"
batch.kubernetes.io/job-name="reports-29921940"
controller-uid="8f9b"
job-name="reports-29921940"
note="a \"quoted\" one"
`

func pod(env ...string) []string {
	return append([]string{
		"KUBERNETES_SERVICE_HOST=10.0.0.1", "MONGOGATE_URI=" + goodURI, "POD_NAME=reports-29921940-x7k2p",
		"POD_NAMESPACE=shop", "POD_UID=u-1", "NODE_NAME=n-1",
	}, env...)
}

func TestPodOfACronJob(t *testing.T) {
	w := world{env: pod(), files: map[string]string{"/etc/podinfo/labels": labels}}
	s, err := w.load(t, "run")
	if err != nil {
		t.Fatal(err)
	}
	if s.Lock.Key != "shop/reports@2026-11-22T03:00Z" || s.Lock.BaseKey != "shop/reports" {
		t.Errorf("key %+v", s.Lock)
	}
	if s.Pod != "reports-29921940-x7k2p" || s.PodUID != "u-1" || s.Node != "n-1" || s.JobUID != "8f9b" || s.Owner != s.Pod || s.StateDir != "/run/mongogate" || s.LogFormat != "json" {
		t.Errorf("%+v", s)
	}
	if from := s.From("job-name"); from != "label batch.kubernetes.io/job-name in /etc/podinfo/labels" {
		t.Errorf("job-name from %s", from)
	}
	if from := s.From("namespace"); from != "variable POD_NAMESPACE" {
		t.Errorf("namespace from %s", from)
	}
}

func TestPodOfAnIndexedJob(t *testing.T) {
	w := world{env: pod("JOB_COMPLETION_INDEX=3"), files: map[string]string{"/etc/podinfo/labels": labels}}
	s, err := w.load(t, "run")
	if err != nil || s.Lock.Key != "shop/reports#3@2026-11-22T03:00Z" {
		t.Errorf("%v", err)
	}
}

func TestOldNamesOfLabelsAndNamespaceFile(t *testing.T) {
	env := slices.DeleteFunc(pod(), func(v string) bool { return strings.HasPrefix(v, "POD_NAMESPACE") })
	s, err := world{env: env, files: map[string]string{"/etc/podinfo/labels": "job-name=\"reports-29921940\"\n", namespaceFile: "shop\n"}}.load(t, "run")
	if err != nil || s.Lock.Key != "shop/reports@2026-11-22T03:00Z" || s.From("namespace") != namespaceFile {
		t.Errorf("%v", err)
	}
}

// Build servers set JOB_NAME, and a machine may have any POD_NAME: neither makes a pod.
func TestVariablesOfOthersAreNotBelieved(t *testing.T) {
	s, err := world{env: plain("POD_NAME=x", "POD_NAMESPACE=y", "JOB_NAME=deploy", "JOB_COMPLETION_INDEX=1")}.load(t, "run")
	if err != nil || s.Pod != "" || s.Namespace != "" || s.JobName != "" || s.CompletionIndex != "" || s.Owner != "host1" {
		t.Errorf("%v, %+v", err, s)
	}
}

func TestJobsMadeByHand(t *testing.T) {
	byHand := map[string]string{"/etc/podinfo/labels": `batch.kubernetes.io/job-name="reports-test"`}
	w := func(manual string) world {
		return world{env: pod("MONGOGATE_MANUAL=" + manual), files: byHand}
	}
	_, err := w("").load(t, "run")
	var manual *bucket.ManualJob
	var e *Error
	if !errors.As(err, &manual) || !errors.As(err, &e) || e.Problems[0].Field != "job-name" || !strings.Contains(e.Problems[0].Remedy, "--manual skip") {
		t.Errorf("refuse: %v", err)
	}
	if s, err := w("run").load(t, "run"); err != nil || s.Lock.Key != "shop/reports-test" || !s.Lock.Manual {
		t.Errorf("run: %v", err)
	}
	if s, err := w("skip").load(t, "run"); err != nil || s.SkipJob == nil || s.SkipJob.Name != "reports-test" {
		t.Errorf("skip: %v", err)
	}
	for _, cmd := range []string{"init", "sidecar"} {
		if _, err := w("skip").load(t, cmd); err == nil || !strings.Contains(err.Error(), "manual: ") || !strings.Contains(err.Error(), "skip is for run only") {
			t.Errorf("skip in %s: %v", cmd, err)
		}
	}
}

func TestNestedGates(t *testing.T) {
	outer := plain("MONGOGATE_BUCKET=none", "MONGOGATE_TTL=1h", "HOME=/x")
	// What run does to the environment of its command:
	inner := slices.DeleteFunc(slices.Clone(outer), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(Variables(), name)
	})
	if len(inner) != 1 {
		t.Fatalf("left over: %v", inner)
	}
	inner = append(inner, "MONGOGATE_KEY=reports", "MONGOGATE_TOKEN=17", "MONGOGATE_DEADLINE=1.5", "MONGOGATE_HOLDER=host1", "MONGOGATE_LEASE_FILE=/run/x/lease", Held(outer, "reports", "base"))
	uri := "MONGOGATE_URI=" + goodURI

	if s, err := (world{env: append(slices.Clone(inner), uri), args: []string{"--key=inner"}}).load(t, "run"); err != nil || s.Lock.Key != "inner" {
		t.Errorf("a key of its own: %v", err)
	}
	if s, err := (world{env: append(slices.Clone(inner), uri, "MONGOGATE_KEY=inner")}).load(t, "run"); err != nil || s.Lock.Key != "inner" {
		t.Errorf("a key of its own by variable: %v", err)
	}
	if _, err := (world{env: append(slices.Clone(inner), uri)}).load(t, "run"); err == nil || !strings.Contains(err.Error(), "name: not set") {
		t.Errorf("the parent's key was taken for its own: %v", err)
	}
	for _, args := range [][]string{{"--key=reports"}, {"--key=base"}, {"--key=base", "--bucket=1h", "--no-overlap"}} {
		if _, err := (world{env: append(slices.Clone(inner), uri), args: args}).load(t, "run"); err == nil || !strings.Contains(err.Error(), "would wait for itself") {
			t.Errorf("%v: a key that is held around it: %v", args, err)
		}
	}
	// Two levels down, and without the list.
	if got := Held(inner, "inner"); got != "MONGOGATE_HELD=reports\nbase\ninner" {
		t.Errorf("%q", got)
	}
	bare := []string{"MONGOGATE_KEY=reports", "MONGOGATE_TOKEN=17", uri}
	if _, err := (world{env: bare, args: []string{"--key=reports"}}).load(t, "run"); err == nil || !strings.Contains(err.Error(), "would wait for itself") {
		t.Errorf("without MONGOGATE_HELD: %v", err)
	}
}

func TestServicesNamedMongogateAreNoSettings(t *testing.T) {
	env := plain("MONGOGATE_SERVICE_HOST=10.0.0.9", "MONGOGATE_SERVICE_PORT=80", "MONGOGATE_SERVICE_PORT_HTTP=80", "MONGOGATE_PORT=tcp://10.0.0.9:80",
		"MONGOGATE_PORT_80_TCP=tcp://10.0.0.9:80", "MONGOGATE_PORT_80_TCP_PROTO=tcp", "MONGOGATE_PORT_80_TCP_PORT=80", "MONGOGATE_PORT_80_TCP_ADDR=10.0.0.9",
		"MONGOGATE_METRICS_SERVICE_HOST=10.0.0.9", "MONGOGATE_METRICS_PORT=tcp://10.0.0.9:80", "MONGOGATE_TEST_URI=x", "MONGOGATE_CACHE=x", "MONGOGATE_MONGOD=x")
	if _, err := (world{env: env}).load(t, "run"); err != nil {
		t.Error(err)
	}
	if _, err := (world{env: plain("MONGOGATE_PORT=80")}).load(t, "run"); err == nil {
		t.Error("MONGOGATE_PORT=80 is no address of a Service")
	}
}
