package render

import (
	"strings"
	"testing"
)

// attacks are ways past the refusals: what somebody sets who knows charts and not this one.
var attacks = []refusal{
	// A restart that the pod's own policy does not show.
	{why: "kill of a native sidecar in a Job", values: "kind: Job\ninitContainers: [{name: worker, image: x, restartPolicy: Always}]\ngate: {protection: kill}", want: []string{
		"the kubelet restarts container worker, which has a restart policy of its own, also in a pod with restartPolicy: Never",
	}},
	{why: "kill of a container with a policy of its own", values: "kind: Job\nextraContainers: [{name: worker, image: x, restartPolicy: OnFailure}]\ngate: {protection: kill}", want: []string{"restarts container worker"}},
	{why: "kill of a container with rules", values: `
kind: Job
extraContainers: [{name: worker, image: x, restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [137]}}]}]
gate: {protection: kill}`, want: []string{"restarts container worker"}},
	{why: "kill of nobody", values: "gate: {protection: kill, acceptGap: true, ungated: [main]}", want: []string{"ungated: main: no container is left for the gate: take out what does the work"}},
	{why: "rare looks", values: "gate: {protection: kill, acceptGap: true, scanInterval: 10m}", want: []string{"scanInterval: 10m: a process that starts meanwhile could run unlocked for this long: set at most 1s"}},

	// Names that look like the gate's.
	{why: "a native sidecar with the gate's name", values: "initContainers: [{name: mongogate-worker, image: x, restartPolicy: Always}]", want: []string{"container mongogate-worker would run without the lock"}},
	{why: "a container with the gate's name", values: "extraContainers: [{name: mongogate, image: x}]\ngate: {protection: restart}", want: []string{"the pod has a container mongogate already, which is the gate's name: give it another one, or set suffix"}},
	{why: "an init container with the gate's name", values: "initContainers: [{name: mongogate-install, image: x}]", want: []string{"the pod has a container mongogate-install already"}},
	{why: "a claim with the gate's name", values: "kind: StatefulSet\nstatefulSet: {volumeClaimTemplates: [{metadata: {name: mongogate-state}, spec: {}}]}", want: []string{"the pod has a volume mongogate-state already"}},
	{why: "main is ungated", values: "gate: {ungated: [main]}", want: []string{"ungated: main is the container that the wrapper runs: take it out, or set container to another one"}},

	// Variables.
	{why: "another namespace in the key", values: "env: [{name: POD_NAMESPACE, value: other}]", want: []string{"container main sets POD_NAMESPACE, by which the gate knows its pod and its key: take it out, or take it from fieldPath metadata.namespace"}},
	{why: "one index for all", values: "kind: Job\njob: {parallelism: 2, completions: 2, completionMode: Indexed}\nenv: [{name: JOB_COMPLETION_INDEX, value: '0'}]", want: []string{"container main sets JOB_COMPLETION_INDEX"}},
	{why: "another pod of a sidecar", values: "gate: {protection: restart, env: [{name: POD_UID, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]}", want: []string{"env sets POD_UID"}},
	{why: "settings past the values", values: "gate: {protection: kill, acceptGap: true, env: [{name: MONGOGATE_PROTECTION, value: sentinel}, {name: MONGOGATE_KEY, value: x}]}", want: []string{
		"env sets MONGOGATE_PROTECTION, which would go past what is checked here: take it out and set the value", "env sets MONGOGATE_KEY",
	}},
	{why: "settings of the wrapper where nobody reads them", values: "gate: {env: [{name: MONGOGATE_KEY, value: x}]}", want: []string{"env sets MONGOGATE_KEY"}},
	{why: "settings by prefix", values: "envFrom: [{prefix: MONGOGATE_, secretRef: {name: x}}]", want: []string{"container main has envFrom with the prefix MONGOGATE_: it could set the gate's variables: give another prefix"}},

	// What waits for ready pods, out of sight.
	{why: "a Service among the extra objects", values: `
replicas: 2
gate: {readiness: candidate}
extraObjects: ["apiVersion: v1\nkind: Service\nspec: {selector: {app.kubernetes.io/instance: '{{ .Release.Name }}'}}"]`, want: []string{"readiness: candidate behind a Service that does not select the holder"}},
	{why: "a budget in a List", values: "extraObjects: [{apiVersion: v1, kind: List, items: [{apiVersion: policy/v1, kind: PodDisruptionBudget}]}]", want: []string{"a PodDisruptionBudget counts ready pods"}},
	{why: "a budget behind a template", values: "extraObjects: [\"{{ if true }}\\nkind: PodDisruptionBudget\\n{{ end }}\"]", want: []string{"a PodDisruptionBudget counts ready pods"}},
	{why: "a budget in a second document", values: "extraObjects: [\"kind: ConfigMap\\n---\\nkind: PodDisruptionBudget\"]", want: []string{"a PodDisruptionBudget counts ready pods"}},
	{why: "KEDA", values: "extraObjects: [{kind: ScaledObject}]", want: []string{"a ScaledObject adds pods, and"}},
	{why: "every pod is the holder", values: "podLabels: {x.dev/holder: 'true'}\ngate: {kube: {label: x.dev/holder}}", want: []string{"podLabels or commonLabels give every pod x.dev/holder, the label of the one that holds (gate.kube.label): take it out"}},
	{why: "a StatefulSet that waits for ready pods", values: "kind: StatefulSet\nreplicas: 3\nstatefulSet: {updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 2}}}", want: []string{
		"updateStrategy: a rolling update replaces 2 pods and waits until they are ready, and one that waits for the lock is not ready (readiness: holder): the rollout would never finish: set rollingUpdate.maxUnavailable: 100%, or type: OnDelete",
	}},
	{why: "no type, no surge", values: "deployment: {strategy: {type: null, rollingUpdate: null}}", want: []string{"a rolling update starts the new pod beside the old one"}},

	// Keys.
	{why: "fields that are not there", values: "gate: {key: 'a/{{.Pod}}/{{ .Index }}/{{.Cluster}}/{{.Bucket}}'}", want: []string{
		"says {{.Pod}}, and here it has only {{.Namespace}}, {{.Name}}, {{.Job}}: the gate would not start", "says {{ .Index }}", "says {{.Cluster}}", "says {{.Bucket}}",
	}},
	{why: "an index in a comment", values: "kind: StatefulSet\nreplicas: 2\ngate: {key: 'b{{/* {{.Index}} */}}'}", want: []string{"says {{/* {{.Index}}, and here it has only"}},

	// Runs.
	{why: "overlap without buckets", values: cron + "gate: {bucket: none, noOverlap: true, ifHeld: wait}", want: []string{"ifHeld with bucket: none: it is about buckets, and without them runs never overlap and none is skipped: leave it out", "noOverlap with bucket: none"}},
	{why: "seconds", values: "kind: CronJob\ncronJob: {schedule: '0 0 3 * * *'}", want: []string{"schedule: 0 0 3 * * *: Kubernetes takes five fields, minute, hour, day, month and weekday: leave out seconds and years"}},
	{why: "local time", values: "kind: CronJob\ncronJob: {schedule: '0 3 * * *', timeZone: Local}", want: []string{"timeZone: Local: clusters differ in what is local: set a name, such as Etc/UTC"}},

	// Times.
	{why: "no time to end behind a sidecar", values: "terminationGracePeriodSeconds: 0\ngate: {protection: restart}", want: []string{"terminationGracePeriodSeconds: 0 is less than killBudget + operationTimeout = 13s: the kubelet would kill the gate before the workload has ended and the lock is given back: raise it"}},
	{why: "sleep before the end", values: "lifecycle: {preStop: {sleep: {seconds: 25}}}", want: []string{"lifecycle.preStop sleeps 25s of the 30s of terminationGracePeriodSeconds, and killBudget + operationTimeout = 11s are needed after it: raise terminationGracePeriodSeconds"}},
	{why: "a barrier that gives up", values: "gate: {protection: restart, probes: {startup: {failureThreshold: 3}}}", want: []string{"probes.startup gives up after 3s: the kubelet would end a gate that waits"}},
	{why: "no time at all", values: "gate: {killAfter: 0s}", want: []string{"killAfter: 0s is no time: give a longer one, or leave it empty"}},

	{why: "one port for two", values: "ports: [{containerPort: 9095}]\ngate: {metrics: {enabled: true}}", want: []string{"container main and metrics.port are both 9095, and containers of a pod share their ports: set another metrics.port"}},
}

// What looks like an attack and is none.
func TestChartTakes(t *testing.T) {
	taken(t, values(t, leastApp), false, map[string]string{
		"nulls for what Kubernetes fills in":  "replicas: null\nterminationGracePeriodSeconds: null\nlifecycle: null\nlivenessProbe: null\nsecurityContext: null\nresources: null\nnodeSelector: null\nannotations: null\nextraObjects: null\nports: null\nenv: null\ngate: {resources: null, securityContext: null, env: null, ungated: null, after: null, also: null}",
		"the Recreate of other charts":        "deployment: {strategy: {type: Recreate, rollingUpdate: null}}",
		"names that are numbers":              "containerName: '1'\nserviceAccount: {name: '12'}\ncommonLabels: {app.kubernetes.io/instance: other, app.kubernetes.io/version: '1'}\ngate: {kube: {events: true}}",
		"the variables that everybody has":    "env: [{name: POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}, {name: POD_NAMESPACE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}}]",
		"a user of OpenShift, twice":          "podSecurityContext: {runAsUser: 1000650000}\nsecurityContext: {runAsUser: 1000650000}\ngate: {protection: kill, acceptGap: true}",
		"other Services beside a candidate":   "gate: {readiness: candidate}\nextraObjects: [{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {selector: {app: other}, ports: [{port: 80}]}}, {apiVersion: v1, kind: Service, metadata: {name: z}, spec: {type: ExternalName, externalName: x.example.org}}]",
		"a Service that finds the holder":     "gate: {readiness: candidate, kube: {label: x.dev/holder}}\nextraObjects: [{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {selector: {app.kubernetes.io/instance: demo, x.dev/holder: 'true'}, ports: [{port: 80}]}}]",
		"a StatefulSet's rollout by hand":     "kind: StatefulSet\nreplicas: 3\nstatefulSet: {updateStrategy: {type: OnDelete}}",
		"a StatefulSet's rollout all at once": "kind: StatefulSet\nreplicas: 3\nstatefulSet: {updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 3}}}",
		"a template that renders nothing":     "extraObjects: ['{{ if false }}kind: PodDisruptionBudget{{ end }}']",
	})
}

// taken complains of values that the chart refuses, or renders as what Kubernetes cannot read; strict, of what [Check] finds, too.
func taken(t *testing.T, least map[string]any, strict bool, cases map[string]string) {
	t.Helper()
	for why, text := range cases {
		r, err := helm(t, charts+"/mongogate", merged(least, values(t, text)), "v1.36.3")
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		objects, err := Decode(r.All())
		if err != nil {
			t.Errorf("%s: %v\n%s", why, err, r.All())
		}
		if !strict {
			continue
		}
		for _, p := range Check(objects) {
			t.Errorf("%s: %s", why, p)
		}
	}
}

// A null takes a default away. Where the templates need what is in it they say so, and do not fail on the way.
func TestChartSaysWhatANullTookAway(t *testing.T) {
	least := values(t, leastApp)
	for path, want := range map[string]string{
		"image: null": "missing property 'image'", "deployment: {strategy: null}": "missing property 'strategy'", "cronJob: null": "missing property 'cronJob'",
		"service: null": "missing property 'service'", "serviceAccount: null": "missing property 'serviceAccount'", "podLabels: null": "missing property 'podLabels'",
		"gate: {kube: null}": "missing property 'kube'", "gate: {init: null}": "missing property 'init'", "gate: {ttl: null}": "missing property 'ttl'",
		"gate: {protection: null}": "missing property 'protection'", "gate: {database: null}": "missing property 'database'",
	} {
		if _, err := helm(t, charts+"/mongogate", merged(least, values(t, path)), "v1.36.3"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", path, want, err)
		}
	}
}
