package render

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

// What the schemas refuse, with the message that Helm gives.
func TestChartSchema(t *testing.T) {
	least := values(t, leastApp)
	cases := []struct{ values, want string }{
		{"gate: {protection: pray}", "at '/protection': value must be one of 'run', 'follow', 'restart', 'kill', 'sentinel', 'init'"},
		{"gate: {protecton: kill}", "additional properties 'protecton' not allowed"},
		{"replica: 2", "additional properties 'replica' not allowed"},
		{"kind: DaemonSet", "at '/kind': value must be one of 'Deployment', 'StatefulSet', 'Job', 'CronJob'"},
		{"gate: {ttl: 30}", "at '/ttl': got number, want string"},
		{"gate: {ttl: '30'}", "at '/ttl': '30' does not match pattern"},
		{"gate: {ttl: ''}", "at '/ttl': '' does not match pattern"},
		{"gate: {heartbeat: 1 week}", "at '/heartbeat'"},
		{"gate: {also: [sentinel]}", "at '/also/0': value must be one of 'kill', 'restart'"},
		{"gate: {readiness: always}", "at '/readiness': value must be one of 'holder', 'candidate'"},
		{"gate: {kube: {events: 'yes'}}", "at '/kube/events': got string, want boolean"},
		{"gate: {image: {digest: 'sha256:abc'}}", "at '/image/digest'"},
		{"image: {digest: latest}", "at '/image/digest'"},
		{"gate: {database: {uri: 'mongodb://h/'}}", "additional properties 'uri' not allowed"},
		{"databaseUri: localhost", "at '/databaseUri'"},
		{"gate: {metrics: {port: 80}}", "at '/metrics/port': minimum: got 80, want 1,024"},
		{"gate: {suffix: _}", "at '/suffix'"},
		{"gate: {bucket: soon}", "at '/bucket'"},
		{"gate: {imagePullSecrets: [secret]}", "at '/imagePullSecrets/0': got string, want object"},
		{"gate: {env: [{value: x}]}", "missing property 'name'"},
		{"command: run this", "at '/command': got string, want array"},
		{"env: {A: b}", "at '/env': got object, want array"},
		{"replicas: -1", "at '/replicas': minimum: got -1, want 0"},
		{"containerName: mongogate", "at '/containerName'"},
		{"restartPolicy: Sometimes", "at '/restartPolicy': value must be one of"},
		{"cronJob: {startingDeadlineSeconds: 5}", "at '/cronJob/startingDeadlineSeconds': minimum: got 5, want 10"},
		{"cronJob: {concurrencyPolicy: Never}", "at '/cronJob/concurrencyPolicy'"},
		{"podLabels: {a: 1}", "at '/podLabels/a': got number, want string"},
	}
	for _, c := range cases {
		_, err := helm(t, charts+"/mongogate", merged(least, values(t, c.values)), "v1.36.3")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "schema") {
			t.Errorf("%s: want %q, got: %v", c.values, c.want, err)
		}
	}
	fmt.Printf("cases: charts: %d bad values refused by the schemas\n", len(cases))
}

// The schemas name the values that there are, no more and no fewer.
func TestChartSchemaIsComplete(t *testing.T) {
	for _, chart := range []string{"mongogate", "mongogate-lib"} {
		var schema map[string]any
		must.Do(t, json.Unmarshal([]byte(read(t, charts+"/"+chart+"/values.schema.json")), &schema))
		compare(t, chart, schema, values(t, read(t, charts+"/"+chart+"/values.yaml")))
	}
}

func compare(t *testing.T, path string, schema, v map[string]any) {
	t.Helper()
	properties, ok := schema["properties"].(map[string]any)
	if !ok {
		return // whatever Kubernetes takes
	}
	if schema["additionalProperties"] != false {
		t.Errorf("%s: takes what it does not know", path)
	}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if name == "global" {
			continue
		}
		if _, found := v[name]; !found {
			t.Errorf("%s.%s is in the schema only", path, name)
		}
		below, isMap := v[name].(map[string]any)
		if inner, ok := properties[name].(map[string]any); ok && isMap {
			if _, ok := inner["properties"]; ok && path != "mongogate-lib.probes" {
				compare(t, path+"."+name, inner, below)
			}
		}
	}
	for name := range v {
		if _, found := properties[name]; !found {
			t.Errorf("%s.%s is not in the schema", path, name)
		}
	}
}
