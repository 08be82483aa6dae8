package render

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
	"helm.sh/helm/v4/pkg/chart/common"
	commonutil "helm.sh/helm/v4/pkg/chart/common/util"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/fake"
)

// cluster is what Helm finds when a template looks something up.
type cluster struct{ dynamic.Interface }

func (c cluster) GetClientFor(apiVersion, kind string) (dynamic.NamespaceableResourceInterface, bool, error) {
	gv, err := schema.ParseGroupVersion(apiVersion)
	return c.Resource(gv.WithResource(strings.ToLower(kind) + "s")), true, err
}

// installed is a cluster in which a release was installed.
func installed(t *testing.T, manifest string) cluster {
	t.Helper()
	var objects []runtime.Object
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader([]byte(manifest)), 4096)
	for {
		o := &unstructured.Unstructured{}
		if err := d.Decode(o); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(o.Object) == 0 {
			continue
		}
		annotations := o.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations["meta.helm.sh/release-name"] = "demo"
		o.SetAnnotations(annotations)
		o.SetNamespace("team")
		if given, found, _ := unstructured.NestedStringMap(o.Object, "stringData"); found { // the API server does that
			for k, v := range given {
				_ = unstructured.SetNestedField(o.Object, base64.StdEncoding.EncodeToString([]byte(v)), "data", k)
			}
		}
		objects = append(objects, o)
	}
	lists := map[schema.GroupVersionResource]string{}
	for _, kind := range []string{"Deployment", "StatefulSet"} {
		lists[schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: strings.ToLower(kind) + "s"}] = kind + "List"
	}
	for _, kind := range []string{"Job", "CronJob"} {
		lists[schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: strings.ToLower(kind) + "s"}] = kind + "List"
	}
	return cluster{fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, objects...)}
}

// upgradeIn renders as `helm upgrade` does, with a cluster to look things up in.
func upgradeIn(t *testing.T, in cluster, c *chart.Chart, v map[string]any) (map[string]string, error) {
	t.Helper()
	if err := chartutil.ProcessDependencies(c, v); err != nil {
		return nil, err
	}
	caps := common.DefaultCapabilities.Copy()
	version := must.Get(common.ParseKubeVersion("v1.36.3"))(t)
	caps.KubeVersion = *version
	all, err := commonutil.ToRenderValues(c, v, common.ReleaseOptions{Name: "demo", Namespace: "team", IsUpgrade: true, Revision: 2}, caps)
	if err != nil {
		return nil, err
	}
	return engine.RenderWithClientProvider(c, all, in)
}

// upgrade installs the application chart with some values, and upgrades it to others.
func upgrade(t *testing.T, before, after string) error {
	t.Helper()
	least := values(t, leastApp)
	r, err := helm(t, charts+"/mongogate", merged(least, values(t, before)), "v1.36.3")
	if err != nil {
		t.Fatalf("%s: %v", before, err)
	}
	_, err = upgradeIn(t, installed(t, r.Manifest), load(t, charts+"/mongogate"), merged(least, values(t, after)))
	return err
}

// lockChanges are upgrades after which the old pods and the new, or those of two clusters, would have two locks.
var lockChanges = []struct{ why, before, after, want string }{
	{"key", "gate: {key: team/a}", "gate: {key: team/b}", "Deployment demo-mongogate runs under key team/a, and now team/b: that is another lock"},
	{"key under a surge", "deployment: {strategy: {type: RollingUpdate}}\ngate: {readiness: candidate, key: a}", "deployment: {strategy: {type: RollingUpdate}}\ngate: {readiness: candidate, key: b}", "key a, and now b"},
	{"key that was the default", "{}", "gate: {key: '{{.Namespace}}/other'}", "key team/demo-mongogate, and now team/other"},
	{"key with the cluster", "gate: {key: '{{.Name}}-{{.Cluster}}', cluster: east}", "gate: {key: '{{.Name}}-{{.Cluster}}', cluster: west}", "key demo-mongogate-east, and now demo-mongogate-west"},
	{"name", "{}", "gate: {name: other}", "key team/demo-mongogate, and now team/other"},
	{"fullnameOverride", "{}", "fullnameOverride: other", "Deployment demo-mongogate runs under key team/demo-mongogate, and now team/other"},
	{"nameOverride", "{}", "nameOverride: other", "key team/demo-mongogate, and now team/demo-other"},
	{"nameOverride of a CronJob", cron, cron + "nameOverride: other", "CronJob demo-mongogate runs under key team/demo-mongogate@{{.Bucket}}, and now team/demo-other@{{.Bucket}}"},
	{"nameOverride of a Job", "kind: Job", "kind: Job\nnameOverride: other", "key team/demo-mongogate, and now team/demo-other"},
	{"job of a CronJob", cron, cron + "gate: {job: other}", "team/demo-mongogate@{{.Bucket}}, and now team/other@{{.Bucket}}"},
	{"database", "gate: {database: {existingSecret: locks}}", "gate: {database: {name: other}}", "collection mongolock.lock, and now other.lock"},
	{"collection", "gate: {database: {collection: a}}", "gate: {database: {collection: b}}", "collection mongolock.a, and now mongolock.b"},
	{"Secret", "{}", "gate: {database: {existingSecret: other}}", "Secret locks (uri), and now other (uri)"},
	{"key of the Secret", "{}", "gate: {database: {key: other}}", "Secret locks (uri), and now locks (other)"},
	{"store", "gate: {database: {expectStore: aaaa}}", "gate: {database: {expectStore: bbbb}}", "store aaaa, and now bbbb"},
	{"two things", "gate: {key: a}", "gate: {key: b, database: {name: other}}", "key a, and now b; collection mongolock.lock, and now other.lock"},
	{"kind", "{}", "kind: StatefulSet", "Deployment demo-mongogate runs under key team/demo-mongogate, and now team/demo-mongogate#{{.Index}}"},
	{"kind to CronJob", "kind: Job", cron, "Job demo-mongogate runs under key team/demo-mongogate, and now team/demo-mongogate@{{.Bucket}}; bucket none, and now auto"},
	{"index", cron, cron + "job: {parallelism: 2, completions: 2, completionMode: Indexed}", "team/demo-mongogate@{{.Bucket}}, and now team/demo-mongogate#{{.Index}}@{{.Bucket}}"},
	{"bucket", cron, cron + "gate: {bucket: 1d}", "bucket auto, and now 1d in Etc/UTC"},
	{"no bucket", cron, cron + "gate: {bucket: none}", "bucket auto, and now none"},
	{"zone of the bucket", cron + "gate: {bucket: 1d}", cron + "gate: {bucket: 1d, timezone: Europe/Berlin}", "bucket 1d in Etc/UTC, and now 1d in Europe/Berlin"},
	{"zone of the CronJob", "kind: CronJob\ncronJob: {schedule: '0 3 * * *'}\ngate: {bucket: 1d}", "kind: CronJob\ncronJob: {schedule: '0 3 * * *', timeZone: Europe/Berlin}\ngate: {bucket: 1d}", "bucket 1d in Etc/UTC, and now 1d in Europe/Berlin"},
	{"behind a sidecar", "gate: {protection: restart, key: a}", "gate: {protection: kill, acceptGap: true, key: b}", "key a, and now b"},
	{"behind a follower", "gate: {protection: follow, key: a}", "gate: {protection: follow, key: b}", "key a, and now b"},
	{"databaseUri", "gate: {database: {existingSecret: ''}}\ndatabaseUri: 'mongodb://u:secret@h1/?replicaSet=r'", "gate: {database: {existingSecret: ''}}\ndatabaseUri: 'mongodb://u:secret@h2/?replicaSet=r'", "databaseUri leads to mongodb://h2 replicaSet=r, and what runs has its lock in mongodb://h1 replicaSet=r"},
	{"databaseUri to a Secret", "gate: {database: {existingSecret: ''}}\ndatabaseUri: 'mongodb://h1/'", "gate: {database: {existingSecret: locks}}", "Secret demo-mongogate-uri (uri), and now locks (uri)"},
}

// sameLocks are upgrades after which all still contend for one lock.
var sameLocks = []struct{ why, before, after string }{
	{"nothing", "{}", "{}"},
	{"protection", "gate: {protection: run}", "gate: {protection: kill, acceptGap: true}"},
	{"protection to follow", "{}", "gate: {protection: follow}"},
	{"the default key, written out", "{}", "gate: {key: '{{ .Namespace }}/{{.Name}}'}"},
	{"times", "{}", "gate: {ttl: 60s, grace: 20s}\nterminationGracePeriodSeconds: 60"},
	{"cluster that is not in the key", "gate: {cluster: east}", "gate: {cluster: west}"},
	{"another name and the same gate.name", "kind: Job", "kind: Job\nfullnameOverride: again\ngate: {name: demo-mongogate}"},
	{"kind with the same key", "{}", "kind: Job"},
	{"expectStore for the first time", "{}", "gate: {database: {expectStore: aaaa}}"},
	{"names that were the default", "{}", "gate: {database: {name: mongolock, collection: lock}}"},
	{"schedule", cron, "kind: CronJob\ncronJob: {schedule: '0 4 * * *'}"},
	{"zone of scheduled minutes", cron, "kind: CronJob\ncronJob: {schedule: '0 3 * * *', timeZone: Europe/Berlin}"},
	{"replicas", "kind: StatefulSet", "kind: StatefulSet\nreplicas: 3"},
	{"password", "gate: {database: {existingSecret: ''}}\ndatabaseUri: 'mongodb://u:old@h1/?replicaSet=r'", "gate: {database: {existingSecret: ''}}\ndatabaseUri: 'mongodb://u:new@h1/?tls=true&replicaSet=r'"},
}

// A changed lock is two locks. helm upgrade refuses it, until the value that it names says that nothing runs.
func TestChartKeepsTheLock(t *testing.T) {
	mark := regexp.MustCompile(`keyChange: "([0-9a-f]{8})"`)
	for _, c := range lockChanges {
		t.Run(strings.ReplaceAll(c.why, " ", "-"), func(t *testing.T) {
			err := upgrade(t, c.before, c.after)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret@") {
				t.Fatalf("want %q, got: %v", c.want, err)
			}
			found := mark.FindStringSubmatch(err.Error())
			if found == nil {
				t.Fatalf("no value that accepts it: %v", err)
			}
			accepted := merged(values(t, c.after), values(t, fmt.Sprintf("gate: {keyChange: '%s'}", found[1])))
			r := must.Get(helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, c.before)), "v1.36.3"))(t)
			in := installed(t, r.Manifest)
			if _, err := upgradeIn(t, in, load(t, charts+"/mongogate"), merged(values(t, leastApp), accepted)); err != nil {
				t.Errorf("accepted, and: %v", err)
			}
			if _, err := upgradeIn(t, in, load(t, charts+"/mongogate"), merged(merged(values(t, leastApp), accepted), values(t, "gate: {key: 'some/thing/{{.Index}}/else'}\nkind: StatefulSet"))); err == nil {
				t.Error("another change than the one that was accepted is rendered")
			}
		})
	}
	for _, c := range sameLocks {
		if err := upgrade(t, c.before, c.after); err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	fmt.Printf("cases: charts: %d upgrades to another lock refused, %d to the same rendered\n", len(lockChanges), len(sameLocks))
}

// What Helm finds in the cluster changes nothing of what is rendered.
func TestChartRendersTheSameInACluster(t *testing.T) {
	for name, text := range valuesFiles(t) {
		r := must.Get(helm(t, charts+"/mongogate", values(t, text), "v1.36.3"))(t)
		with, err := upgradeIn(t, installed(t, r.Manifest), load(t, charts+"/mongogate"), values(t, text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		without, err := upgradeIn(t, installed(t, ""), load(t, charts+"/mongogate"), values(t, text))
		if err != nil || fmt.Sprint(with) != fmt.Sprint(without) {
			t.Errorf("%s: rendered otherwise: %v", name, err)
		}
	}
}

// A chart of one's own that has the library keeps its lock as well, by the name of its workload; one that had no lock may not begin under a surge.
func TestLibraryKeepsTheLock(t *testing.T) {
	r := must.Get(helm(t, "testdata/worker", nil, "v1.36.3"))(t)
	in := installed(t, r.Manifest)
	if _, err := upgradeIn(t, in, load(t, "testdata/worker"), values(t, "mongogate: {key: other}")); err == nil || !strings.Contains(err.Error(), "and now other: that is another lock") {
		t.Errorf("another key: %v", err)
	}
	if _, err := upgradeIn(t, in, load(t, "testdata/worker"), map[string]any{}); err != nil {
		t.Errorf("the same: %v", err)
	}
	ungated := "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: work}\nspec: {template: {spec: {containers: [{name: work, image: x}]}}}"
	if _, err := upgradeIn(t, installed(t, ungated), load(t, "testdata/anything"), map[string]any{}); err != nil {
		t.Errorf("no lock before, and Recreate: %v", err)
	}
	if _, err := upgradeIn(t, installed(t, ungated), load(t, "testdata/anything"), values(t, "mongogate: {readiness: candidate}\nworkload: {strategy: {type: RollingUpdate}}\nservices: []")); err == nil || !strings.Contains(err.Error(), "runs under no lock, and now one, and the new pods start beside the old") {
		t.Errorf("no lock before: %v", err)
	}
}
