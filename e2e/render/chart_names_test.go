package render

import (
	"fmt"
	"strings"
	"testing"
)

// nameRefusals are names, ports and numbers that the API would refuse, or that a chart would have had to cut.
var nameRefusals = []refusal{
	{why: "long CronJob", values: cron + "fullnameOverride: " + strings.Repeat("a", 53), want: []string{"has 53 characters, and the name of a CronJob may have 52, for its Jobs get eleven more; it is not cut, because two names that begin alike would share one key: give a shorter one"}},
	{why: "long CronJob by its release", values: cron + "nameOverride: " + strings.Repeat("a", 48), want: []string{"may have 52"}},
	{why: "long StatefulSet", values: "kind: StatefulSet\nfullnameOverride: " + strings.Repeat("a", 53), want: []string{"the name of a StatefulSet may have 52, for the label of its revision gets eleven more"}},
	{why: "long Job", values: "kind: Job\nfullnameOverride: " + strings.Repeat("a", 64), want: []string{"the name of a Job may have 63, for it is a label of its pods"}},
	{why: "long Deployment", values: "fullnameOverride: " + strings.Repeat("a", 64), want: []string{"the name of a Deployment may have 63"}},
	{why: "long Indexed Job", values: "kind: Job\njob: {parallelism: 2, completions: 12, completionMode: Indexed}\nfullnameOverride: " + strings.Repeat("a", 61), want: []string{"may have 60, for its pods get the index 11"}},
	{why: "long Indexed CronJob", values: cron + "job: {parallelism: 2, completions: 12, completionMode: Indexed}\nfullnameOverride: " + strings.Repeat("a", 52), want: []string{"may have 51, for the pods of its Jobs get the minute and the index 11"}},
	{why: "name with dots", values: "fullnameOverride: a.b", want: []string{`name "a.b": Kubernetes takes lower-case letters a to z, digits and -, with a letter or digit at both ends`}},
	{why: "name in upper case", values: "fullnameOverride: Worker", want: []string{`name "Worker": Kubernetes takes`}},
	{why: "name with an umlaut", values: "fullnameOverride: wörker", want: []string{`name "wörker": Kubernetes takes`}},
	{why: "name with a space", values: "fullnameOverride: 'a b'", want: []string{`name "a b": Kubernetes takes`}},
	{why: "name that ends with -", values: "fullnameOverride: a-", want: []string{`name "a-": Kubernetes takes`}},
	{why: "name of the chart in labels", values: "fullnameOverride: ok\nnameOverride: ä", want: []string{`nameOverride: "ä" is a label: Kubernetes takes at most 63 letters, digits, -, _ and dots`}},
	{why: "long name of the chart in labels", values: "fullnameOverride: ok\nnameOverride: " + strings.Repeat("a", 64), want: []string{"is a label: Kubernetes takes at most 63"}},
	{why: "Service of a name that begins with a digit", values: "fullnameOverride: 1a\nports: [{containerPort: 80}]\nservice: {enabled: true}", want: []string{"name 1a: a Service's has to begin with a letter: give another fullnameOverride"}},
	{why: "StatefulSet of a name that begins with a digit", values: "kind: StatefulSet\nfullnameOverride: 1a", want: []string{"name 1a: a Service's has to begin with a letter"}},
	{why: "account", values: "serviceAccount: {name: Mine}", want: []string{`serviceAccount.name: "Mine" is not a valid object name`}},
	{why: "Secret", values: "gate: {database: {existingSecret: 'Locks'}}", want: []string{`database.existingSecret: "Locks" is not a valid object name: Kubernetes takes lower-case letters a to z, digits, - and dots, at most 253 characters`}},
	{why: "label", values: "gate: {kube: {label: 'x.dev/'}}", want: []string{"kube.label: x.dev/ is not a valid label name: write PREFIX/NAME, such as mongogate.dev/holder, with at most 63 characters in NAME"}},
	{why: "container", values: "initContainers: [{name: A_b, image: x}]", want: []string{`container "A_b": Kubernetes takes lower-case letters a to z, digits and -, at most 63 characters`}},
	{why: "two of a name", values: "initContainers: [{name: main, image: x}]", want: []string{"the pod has two containers main: give one of them another name"}},

	{why: "port above all", values: "ports: [{containerPort: 70000}]", want: []string{"container main has containerPort 70000: give a number from 1 to 65535"}},
	{why: "port of nothing", values: "ports: [{containerPort: 0}]", want: []string{"container main has containerPort 0: give a number from 1 to 65535"}},
	{why: "port by text", values: "ports: [{containerPort: http}]", want: []string{"container main has containerPort http: give a number"}},
	{why: "port twice", values: "ports: [{containerPort: 80}, {containerPort: 80, protocol: TCP}]", want: []string{"container main has port 80/TCP twice: take one out"}},
	{why: "port of another protocol", values: "ports: [{containerPort: 80, protocol: HTTP}]", want: []string{"container main, port 80 has protocol HTTP: give TCP, UDP or SCTP"}},
	{why: "long name of a port", values: "ports: [{containerPort: 80, name: a-name-of-a-port}]", want: []string{`container main has a port named "a-name-of-a-port": Kubernetes takes at most 15 lower-case letters, digits and single -, with one letter among them`}},
	{why: "number for a name of a port", values: "ports: [{containerPort: 80, name: '80'}]", want: []string{`container main has a port named "80"`}},
	{why: "two ports of a name", values: "ports: [{containerPort: 80, name: a}, {containerPort: 81, name: a}]", want: []string{"container main has two ports named a: give one of them another name"}},
	{why: "a port named as the gate's", values: "ports: [{containerPort: 80, name: gate-probes}]", want: []string{"container main has a port named gate-probes, which is the gate's: give it another name"}},
	{why: "Service with two unnamed ports", values: "ports: [{containerPort: 80}, {containerPort: 81}]\nservice: {enabled: true}", want: []string{"the Service has 2 ports, and Kubernetes then wants a name for each: name them in ports, or in service.ports"}},
	{why: "two unnamed ports of a StatefulSet", values: "kind: StatefulSet\nports: [{containerPort: 80}, {containerPort: 81, name: b}]", want: []string{"the Service has 2 ports, and Kubernetes then wants a name for each"}},
	{why: "Service with one port twice", values: "ports: [{containerPort: 80}]\nservice: {enabled: true, ports: [{name: a, port: 80}, {name: b, port: 80}]}", want: []string{"service.ports has port 80/TCP twice: take one out"}},
	{why: "Service with one name twice", values: "ports: [{containerPort: 80}]\nservice: {enabled: true, ports: [{name: a, port: 80}, {name: a, port: 81}]}", want: []string{"service.ports has two ports named a: give one of them another name"}},
	{why: "Service with a port above all", values: "ports: [{containerPort: 80}]\nservice: {enabled: true, ports: [{port: 65536}]}", want: []string{"service.ports has port 65536: give a number from 1 to 65535"}},
	{why: "Service with a wrong name", values: "ports: [{containerPort: 80}]\nservice: {enabled: true, ports: [{port: 80, name: A_b}]}", want: []string{`service.ports has a port named "A_b": Kubernetes takes at most 63 lower-case letters, digits and -`}},
	{why: "Service to a port that there is not", values: "ports: [{containerPort: 80, name: http}]\nservice: {enabled: true, ports: [{port: 80, targetPort: web}]}", want: []string{"service.ports, port 80 goes to port web, and the container has none of that name: name it in ports, or give its number"}},
}

// Names at their limit, names that YAML would take for something else, and numbers where texts are expected are rendered as Kubernetes takes them.
func TestChartTakesNames(t *testing.T) {
	least := values(t, leastApp)
	taken(t, least, true, map[string]string{
		"a name that YAML takes for false":   "fullnameOverride: 'off'",
		"a name that YAML takes for nothing": "fullnameOverride: 'null'\nservice: {enabled: true}\nports: [{containerPort: 80}]",
		"a name of digits":                   "fullnameOverride: '123'\nnameOverride: '456'\nserviceAccount: {name: '789'}\ngate: {database: {existingSecret: '12', key: 'on'}, kube: {events: true}}",
		"a name like a number":               "fullnameOverride: '1e3'\nkind: Job",
		"the longest CronJob":                cron + "fullnameOverride: " + strings.Repeat("a", 52),
		"the longest StatefulSet":            "kind: StatefulSet\nservice: {enabled: true}\nports: [{containerPort: 80}]\nfullnameOverride: " + strings.Repeat("a", 52),
		"the longest Job":                    "kind: Job\nfullnameOverride: " + strings.Repeat("a", 63),
		"the longest Indexed Job":            "kind: Job\njob: {parallelism: 2, completions: 12, completionMode: Indexed}\nfullnameOverride: " + strings.Repeat("a", 60),
		"the longest Deployment":             "fullnameOverride: " + strings.Repeat("a", 63) + "\nservice: {enabled: true}\nports: [{containerPort: 80}]",
		"one port for two protocols":         "ports: [{containerPort: 53, name: dns}, {containerPort: 53, protocol: UDP, name: dns-udp}]\nservice: {enabled: true}",
		"a tag that is a number":             "image: {tag: 7}\ngate: {image: {tag: 8}}",
	})
	// helm --set gives a number that is none of YAML's.
	r, err := helm(t, charts+"/mongogate", merged(least, map[string]any{"image": map[string]any{"tag": int64(7)}, "gate": map[string]any{"image": map[string]any{"tag": int64(20240101)}}}), "v1.36.3")
	if err != nil || !strings.Contains(r.Manifest, "example.org/work:7") || !strings.Contains(r.Manifest, "mongogate/mongogate:20240101") {
		t.Errorf("--set image.tag=7: %v\n%s", err, r.Manifest)
	}
	if _, err := helm(t, charts+"/mongogate", merged(least, values(t, "image: {tag: 1.10}")), "v1.36.3"); err == nil || !strings.Contains(err.Error(), "at '/image/tag'") {
		t.Errorf("a tag that YAML has made 1.1: %v", err)
	}
	fmt.Println("cases: charts: names at their limits")
}
