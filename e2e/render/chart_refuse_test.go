package render

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// merged puts the second set of values over the first.
func merged(base, over map[string]any) map[string]any {
	out := maps.Clone(base)
	for k, v := range over {
		below, ok := out[k].(map[string]any)
		if above, is := v.(map[string]any); ok && is {
			v = merged(below, above)
		}
		out[k] = v
	}
	return out
}

// The least that each chart takes.
const (
	leastApp = `
image: {repository: example.org/work, tag: "1"}
command: [/work]
gate: {database: {existingSecret: locks}}
`
	cron = "kind: CronJob\ncronJob: {schedule: '0 3 * * *'}\n"
)

// refusal is what the application chart is asked for, and what its message says, all of it.
type refusal struct {
	why, values string
	kube        string
	want        []string
}

var refusals = []refusal{
	// A standby that is not ready.
	{why: "rolling update behind a barrier", values: "gate: {protection: restart}\ndeployment: {strategy: {type: RollingUpdate}}", want: []string{
		"a rolling update starts the new pod beside the old one, and one that waits behind the startup barrier is never ready: the rollout would never finish: set strategy.type: Recreate",
	}},
	{why: "rolling update with surge", values: "gate: {protection: kill, also: [restart]}\ndeployment: {strategy: {type: RollingUpdate, rollingUpdate: {maxSurge: 1, maxUnavailable: 1}}}", want: []string{"a rolling update starts the new pod"}},
	{why: "rolling update, wrapper, holder alone ready", values: "deployment: {strategy: {type: RollingUpdate}}", want: []string{
		"one that waits for the lock is not ready (readiness: holder): the rollout would never finish: set strategy.type: Recreate, rollingUpdate.maxSurge: 0, or readiness: candidate",
	}},
	{why: "replicas", values: "replicas: 2\ngate: {protection: sentinel}", want: []string{
		"replicas: 2: one that waits behind the startup barrier is never ready, and the Deployment would never be available: set replicas: 1",
	}},
	{why: "budget", values: "podDisruptionBudget: {enabled: true}", want: []string{"a PodDisruptionBudget counts ready pods", "a node could not be drained"}},
	{why: "scaler among the extra objects", values: `
extraObjects:
  - {apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, metadata: {name: x}, spec: {}}
  - |
    apiVersion: policy/v1
    kind: PodDisruptionBudget
    metadata: {name: x}`, want: []string{"a HorizontalPodAutoscaler adds pods, and", "a PodDisruptionBudget counts ready pods"}},
	{why: "ordered StatefulSet", values: "kind: StatefulSet\nreplicas: 2\nstatefulSet: {podManagementPolicy: OrderedReady}", want: []string{"podManagementPolicy: OrderedReady starts a pod when the one before it is ready", "set podManagementPolicy: Parallel"}},
	{why: "one key for a StatefulSet", values: "kind: StatefulSet\nreplicas: 2\ngate: {key: '{{.Namespace}}/{{.Name}}'}", want: []string{"is one key for all 2 pods of a StatefulSet: all but one would wait forever", "name {{.Index}} in the key"}},
	{why: "candidate behind a sidecar", values: "gate: {protection: follow, readiness: candidate}", want: []string{"readiness: candidate with protection: follow: what waits behind a startup barrier has not started and cannot be ready"}},
	{why: "candidate behind any Service", values: "ports: [{containerPort: 80}]\nservice: {enabled: true}\ngate: {readiness: candidate}", want: []string{
		"readiness: candidate behind a Service that does not select the holder: requests would go to pods that do not run the workload: set kube.label",
	}},
	{why: "candidate in a Job", values: "kind: Job\ngate: {readiness: candidate}", want: []string{"readiness: candidate with kind Job: nobody asks whether a run is ready"}},

	// Protections.
	{why: "init alone", values: "gate: {protection: init}", want: []string{"protection: init alone protects nothing after ttl + grace, because nobody renews the lease: set protection to follow, restart, kill or sentinel, and init.enabled: true"}},
	{why: "init before the wrapper", values: "gate: {init: {enabled: true}}", want: []string{"init.enabled with protection: run: the wrapper takes a lock of its own"}},
	{why: "kill with restarts", values: "gate: {protection: kill}", want: []string{"protection: kill: the kubelet restarts killed containers without asking the gate", "acceptGap: true"}},
	{why: "kill with restarts in a Job", values: "kind: Job\nrestartPolicy: OnFailure\ngate: {protection: kill}", want: []string{"the kubelet restarts killed containers"}},
	{why: "kill beside a sentinel", values: "gate: {protection: sentinel, also: [kill]}", want: []string{"the kubelet restarts killed containers"}},
	{why: "kill, and the gate leaves", values: "gate: {protection: kill, acceptGap: true, onLoss: exit}", want: []string{"onLoss: exit with kill: nobody would scan while the gate is away"}},
	{why: "kill of another user", values: "securityContext: {runAsUser: 1000}\ngate: {protection: kill, acceptGap: true}", want: []string{"container main runs as user 1000 and the gate as 65532: the kernel lets a user signal its own processes only"}},
	{why: "gate of another user", values: "gate: {protection: follow, securityContext: {runAsUser: 1}}", want: []string{"container main runs as user 65532 and the gate as 1: the follower cannot read the gate's files"}},
	{why: "also what it is already", values: "gate: {protection: restart, also: [restart]}", want: []string{"also: restart is the protection already: leave it out of also"}},
	{why: "also under the wrapper", values: "gate: {also: [kill]}", want: []string{"also: kill with protection: run: the wrapper stops its workload by itself"}},
	{why: "restart before 1.36", values: "gate: {protection: restart}", kube: "v1.35.9", want: []string{"restart needs Kubernetes 1.36 (RestartAllContainers), this is v1.35.9, which would drop the rule: set protection to run or follow"}},
	{why: "restart in a hurry", values: "gate: {protection: restart, killBudget: 6s}", want: []string{"restart with a kill budget of 6s: the kubelet takes up to 5s to restart the containers: set killBudget: 7s"}},
	{why: "evidence under the wrapper", values: "gate: {kube: {evidence: true}}", want: []string{"kube.evidence with protection: run: the wrapper sees for itself that its tree of processes is empty"}},
	{why: "settings of run beside a sidecar", values: "kind: CronJob\ncronJob: {schedule: '0 3 * * *'}\ngate: {protection: sentinel, bucket: none, ifHeld: wait, onFailure: hold, failIfHeld: true, noOverlap: true, timeout: 1m}", want: []string{
		"ifHeld with protection: sentinel: only run knows how a run ends", "onFailure with protection: sentinel", "failIfHeld with protection: sentinel", "noOverlap with protection: sentinel", "timeout with protection: sentinel: only run knows how a run ends: use init.timeout",
	}},

	// The container.
	{why: "no command", values: "command: []", want: []string{"container main has no command: the wrapper starts it, and cannot read the image's ENTRYPOINT: set command to what the image runs"}},
	{why: "postStart", values: "lifecycle: {postStart: {exec: {command: [/warm]}}}", want: []string{"container main has lifecycle.postStart: it would run while the wrapper waits, before the workload: put it into the command"}},
	{why: "a second container", values: "extraContainers: [{name: other, image: x}]", want: []string{"container other would run without the lock, because the wrapper runs only main: name it in ungated if it may, or set protection to restart, kill or sentinel"}},
	{why: "a native sidecar", values: "initContainers: [{name: other, image: x, restartPolicy: Always}, {name: once, image: x}]", want: []string{"container other would run without the lock"}},
	{why: "unknown names", values: "gate: {ungated: [one], after: [two], container: three}", want: []string{"would run without the lock, because the wrapper runs only three", "ungated: there is no container one in the pod", "after: there is no init container two in the pod", "container: there is no container three in the pod"}},
	{why: "ungated, of another user", values: "podSecurityContext: {runAsUser: 1}\nextraContainers: [{name: other, image: x, securityContext: {runAsUser: 2}}]\ngate: {protection: kill, acceptGap: true, ungated: [other]}", want: []string{"container other is ungated and runs as user 2, the gate as 1: the gate cannot read its mark"}},
	{why: "sparing where nobody looks", values: "gate: {spare: [envoy]}", want: []string{"spare: envoy with protection: run: without a shared process namespace, and beside a wrapper, no process is looked at"}},
	{why: "ungated behind a barrier", values: "extraContainers: [{name: other, image: x}]\ngate: {protection: sentinel, ungated: [other]}", want: []string{"ungated: other: behind a startup barrier every container waits for the lock"}},
	{why: "probes that cannot be passed on", values: `
livenessProbe: {tcpSocket: {port: 80, host: example.org}}
readinessProbe: {grpc: {port: 80}}
startupProbe: {httpGet: {port: web, scheme: HTTPS}}`, want: []string{
		"container main, livenessProbe: the gate asks localhost, by plain GET or by a connection, not with httpHeaders, host or HTTPS",
		"container main, readinessProbe: the gate does not speak gRPC: set exec, httpGet or tcpSocket",
		"container main, startupProbe: the gate asks localhost, by plain GET or by a connection, not with httpHeaders, host or HTTPS",
		"container main, startupProbe: it has no port web: give its number, or name the port",
	}},
	{why: "the gate's variables", values: "env: [{name: MONGOGATE_TTL, value: 1s}]", want: []string{"container main has MONGOGATE_TTL in env: the gate's settings are values of the gate: take it out and set the value"}},
	{why: "the gate's volumes", values: "volumes: [{name: mongogate-state, emptyDir: {}}]", want: []string{"the pod has a volume mongogate-state already, which is the gate's name"}},
	{why: "CPU limit", values: "gate: {resources: {limits: {cpu: 1}}}", want: []string{"resources.limits.cpu: throttling is a pause, and a pause loses the lease: take it out"}},

	// Runs.
	{why: "CronJob without zone and deadline", values: "kind: CronJob\ncronJob: {schedule: '0 3 * * *', timeZone: null, startingDeadlineSeconds: null}", want: []string{
		"timeZone is missing: each cluster would use its controller's zone, and the runs would not be the same: set timeZone, such as Etc/UTC",
		"startingDeadlineSeconds is missing: a cluster that was down could start a run after its record has been removed: set it, such as 600",
	}},
	{why: "every", values: "kind: CronJob\ncronJob: {schedule: '@every 5m'}", want: []string{"schedule: @every 5m counts from when each cluster started, so no two clusters mean the same run"}},
	{why: "the owner of a Job without buckets", values: cron + "gate: {bucket: none, protection: kill, kube: {owner: true}}", want: []string{"kube.owner without a bucket"}},
	{why: "the owner of a Deployment", values: "gate: {kube: {owner: true}}", want: []string{"kube.owner with kind Deployment"}},
	{why: "hash", values: "kind: CronJob\ncronJob: {schedule: 'H 3 * * *'}", want: []string{"schedule: H 3 * * *: Kubernetes refuses it: minute: H is neither a number nor a name"}},
	{why: "last", values: "kind: CronJob\ncronJob: {schedule: '0 0 L * *'}", want: []string{"day of month: L is neither a number nor a name"}},
	{why: "reboot", values: "kind: CronJob\ncronJob: {schedule: '@reboot'}", want: []string{"schedule: @reboot: Kubernetes knows @hourly, @daily"}},
	{why: "hour 25", values: "kind: CronJob\ncronJob: {schedule: '0 25 * * *'}", want: []string{"hour: 25 is not from 0 to 23"}},
	{why: "weekday 7", values: "kind: CronJob\ncronJob: {schedule: '0 0 * * 7'}", want: []string{"day of week: 7 is not from 0 to 6"}},
	{why: "backwards", values: "kind: CronJob\ncronJob: {schedule: '22-2 * * * FRI-SUN'}", want: []string{"minute: 22-2 ends before it begins, day of week: FRI-SUN ends before it begins"}},
	{why: "zone in the schedule", values: "kind: CronJob\ncronJob: {schedule: 'CRON_TZ=UTC 0 3 * * *'}", want: []string{"a zone in the schedule is refused by Kubernetes: set timeZone"}},
	{why: "Replace", values: "kind: CronJob\ncronJob: {schedule: '0 3 * * *', concurrencyPolicy: Replace}\ngate: {noOverlap: true}", want: []string{"concurrencyPolicy: Replace with noOverlap: the new run would end the one that it waits for: set Forbid or Allow"}},
	{why: "CronJob behind a sidecar", values: cron + "gate: {protection: restart}", want: []string{"protection: restart with kind CronJob: a run that another cluster has done can end as a success only where the command has not started: set protection: run, or bucket: none"}},
	{why: "short retention", values: cron + "gate: {retention: 1d}", want: []string{"retention: 1d is below startingDeadlineSeconds + one period = 87000s: a latecomer would find no record and run again"}},
	{why: "short retention, weekly", values: "kind: CronJob\ncronJob: {schedule: '@weekly'}\ngate: {retention: 7d}", want: []string{"retention: 7d is below startingDeadlineSeconds + one period = 605400s"}},
	{why: "no schedule", values: "kind: CronJob", want: []string{`cronJob.schedule is missing: set it, such as "0 3 * * *"`}},
	{why: "buckets without a CronJob", values: "kind: Job\ngate: {bucket: 1d, timezone: UTC, manual: run, retention: 9d, noOverlap: true, onFailure: hold, ifHeld: wait, failIfHeld: true}", want: []string{
		"bucket with kind Job: only the Jobs of a CronJob have a scheduled minute", "timezone with kind Job", "manual with kind Job", "retention with kind Job",
		"noOverlap with kind Job: it is about buckets, which only CronJobs have", "onFailure with kind Job", "ifHeld with kind Job", "failIfHeld with kind Job",
	}},
	{why: "parallel Job", values: "kind: Job\njob: {parallelism: 2, completions: 2}", want: []string{"2 pods of one Job under one key: they would run one after another, and the first would finish the bucket for all: set completionMode: Indexed"}},
	{why: "several completions", values: cron + "job: {completions: 3}", want: []string{"3 pods of one Job under one key"}},
	{why: "index without the key", values: "kind: Job\njob: {parallelism: 2, completions: 2, completionMode: Indexed}\ngate: {key: a/b}", want: []string{"key: a/b is one key for 2 pods of a Job: name {{.Index}} in it, or leave it empty"}},
	{why: "Job that never ends", values: "kind: Job\nrestartPolicy: Always", want: []string{"restartPolicy: Always: Kubernetes refuses it in Jobs: set Never or OnFailure"}},
	{why: "Deployment that ends", values: "restartPolicy: Never", want: []string{"restartPolicy: Never: Kubernetes allows only Always in a Deployment: leave it empty"}},

	// Times.
	{why: "no time to renew", values: "gate: {heartbeat: 20s}", want: []string{"heartbeat 20s + 2 × operationTimeout 6s = 32s is more than ttl 30s − killBudget 5s − 1% drift = 24.7s: one lost renewal would lose the lock: raise ttl"}},
	{why: "restart with a short lease", values: "gate: {protection: restart, ttl: 15s}", want: []string{"heartbeat 2.5s + 2 × operationTimeout 3s = 8.5s is more than ttl 15s − killBudget 7s − 1% drift = 7.85s"}},
	{why: "late SIGKILL", values: "gate: {killAfter: 4s}", want: []string{"killAfter 4s is more than three quarters of the kill budget 5s: no time would be left for SIGKILL: leave it empty"}},
	{why: "short ttl", values: "gate: {ttl: 4s}", want: []string{"ttl 4s is below 5s, which an election of the database outlasts: raise it"}},
	{why: "no time to stop", values: "terminationGracePeriodSeconds: 10", want: []string{"terminationGracePeriodSeconds: 10 is less than killBudget + operationTimeout = 11s: the kubelet would kill the wrapper before it has stopped the workload and given the lock back: raise it"}},
	{why: "no time to stop, long ttl", values: "gate: {ttl: 1h30m}", want: []string{"terminationGracePeriodSeconds: 30 is less than killBudget + operationTimeout = 1980s"}},

	// The rest of the chart.
	{why: "no database", values: "gate: {database: {existingSecret: ''}}", want: []string{"database.existingSecret is missing: make a Secret with the connection string under the key uri, and name it"}},
	{why: "two databases", values: "databaseUri: mongodb://h/", want: []string{"databaseUri and gate.database.existingSecret are both given: leave one out"}},
	{why: "two authorities", values: "gate: {caBundle: {configMap: a, secret: b}}", want: []string{"caBundle.configMap and caBundle.secret are both given: leave one out"}},
	{why: "no image", values: "image: {repository: ''}", want: []string{"image.repository is missing: set the image of the workload"}},
	{why: "no tag", values: "image: {tag: ''}", want: []string{"image.tag and image.digest are missing: latest is not the same image everywhere: set one of them"}},
	{why: "Service of a Job", values: "kind: Job\nservice: {enabled: true}\nports: [{containerPort: 80}]", want: []string{"service.enabled with kind Job: a run serves nobody: set service.enabled: false"}},
	{why: "Service without ports", values: "service: {enabled: true}", want: []string{"service.enabled without ports: set ports, or service.ports"}},
	{why: "monitor without metrics", values: "podMonitor: {enabled: true}", want: []string{"podMonitor.enabled without metrics: set gate.metrics.enabled: true"}},
}

// libraryRefusals are what only a chart of one's own can ask of the library.
var libraryRefusals = []struct{ why, values, want string }{
	{"another kind", "kind: DaemonSet", "kind DaemonSet: give Deployment, StatefulSet, Job or CronJob"},
	{"no values", "withoutValues: true", "the values of the gate are missing: give the dependency mongogate-lib an alias in Chart.yaml"},
	{"no strategy", "workload: {strategy: null}", "a rolling update starts the new pod beside the old one"},
	{"no policy", "{kind: StatefulSet, workload: {replicas: 3}}", "podManagementPolicy: OrderedReady starts a pod"},
	{"no containers", "pod: {containers: []}", "container: there is no container at all in the pod"},
	{"the node's processes", "{pod: {hostPID: true}, mongogate: {protection: sentinel, shareProcessNamespace: true}}", "hostPID: the gate would take every process of the node for the workload: set hostPID: false"},
	{"a deadline of a Deployment's pod", "pod: {activeDeadlineSeconds: 600}", "activeDeadlineSeconds of the pod with kind Deployment: Kubernetes takes it in Jobs only: leave it out"},
	{"a deadline of a Job's pod", "{kind: Job, workload: {strategy: null}, pod: {restartPolicy: Never, activeDeadlineSeconds: 30}}", "activeDeadlineSeconds: 30 of the pod counts the waiting"},
	{"candidate, Services unknown", "mongogate: {readiness: candidate}", "pass the selectors of all Services in front of it as services"},
	{"candidate, one Service of two", "{mongogate: {readiness: candidate, kube: {label: x.dev/holder}}, services: [{x.dev/holder: 'true'}, {app: work}]}", `let the Service select x.dev/holder: "true"`},
	{"the caller's own", "problems: [this is mine]", "  - this is mine"},
	{"default key of runs", "{kind: CronJob, workload: {schedule: '* * * * *'}}", "timeZone is missing: each cluster would use its controller's zone"},
	{"deadline", "{kind: CronJob, workload: {schedule: '* * * * *', timeZone: UTC}}", "startingDeadlineSeconds is missing: a cluster that was down could start a run after its record has been removed"},
	{"Jobs of a CronJob, null", "{kind: CronJob, workload: {schedule: '* * * * *', timeZone: UTC, jobTemplate: null}}", "startingDeadlineSeconds is missing"},
	{"Jobs of a CronJob", "{kind: CronJob, workload: {schedule: '* * * * *', timeZone: UTC, startingDeadlineSeconds: 60, jobTemplate: {spec: {parallelism: 4}}}}", "4 pods of one Job under one key"},
}

func TestChartRefuses(t *testing.T) {
	said, ran := "", 0
	least := values(t, leastApp)
	cases := slices.Concat(refusals, attacks, nameRefusals, jobRefusals, probeRefusals, podRefusals)
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.why, " ", "-"), func(t *testing.T) {
			kube := c.kube
			if kube == "" {
				kube = "v1.36.3"
			}
			_, err := helm(t, charts+"/mongogate", merged(least, values(t, c.values)), kube)
			if err == nil {
				t.Fatal("rendered")
			}
			said += err.Error()
			ran++
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("does not say %q:\n%v", w, err)
				}
			}
			for _, problem := range strings.Split(err.Error(), "\n  - ")[1:] {
				if !slices.ContainsFunc(c.want, func(w string) bool { return strings.Contains(problem, w) }) {
					t.Errorf("says as well: %s", problem)
				}
			}
		})
	}
	t.Run("a-long-alias", func(t *testing.T) {
		c := load(t, charts+"/mongogate")
		c.Metadata.Name = strings.Repeat("m", 60)
		_, err := helmChart(t, c, merged(least, values(t, "fullnameOverride: x\nnameOverride: x")), "v1.36.3")
		if err == nil || !strings.Contains(err.Error(), "is a label of all objects and longer than 63 characters: give the chart a shorter alias") {
			t.Errorf("%v", err)
		}
		said += fmt.Sprint(err)
	})
	for _, c := range libraryRefusals {
		t.Run("library/"+strings.ReplaceAll(c.why, " ", "-"), func(t *testing.T) {
			_, err := helm(t, "testdata/anything", values(t, c.values), "v1.36.3")
			if err == nil {
				t.Fatal("rendered")
			}
			said += err.Error()
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("does not say %q:\n%v", c.want, err)
			}
		})
	}
	if ran < len(cases) && !t.Failed() {
		return // only some of them, by -run
	}
	for _, c := range lockChanges {
		said += fmt.Sprint(upgrade(t, c.before, c.after))
	}
	// Every problem that the templates know is shown by a case.
	known := regexp.MustCompile(`(?:append \$p|fail) \(?(?:printf )?"((?:[^"\\]|\\.){9,})"`)
	verb := regexp.MustCompile(`%[sdvq]|%%`)
	count := 0
	paths, err := filepath.Glob(charts + "/mongogate*/templates/*.tpl")
	if err != nil || len(paths) < 10 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		for _, m := range known.FindAllStringSubmatch(read(t, path), -1) {
			count++
			text := strings.ReplaceAll(m[1], `\"`, `"`)
			for _, part := range verb.Split(text, -1) {
				if !strings.Contains(said, part) {
					t.Errorf("%s: no case shows %q", path, m[1])
					break
				}
			}
		}
	}
	fmt.Printf("cases: charts: %d cases show %d problems\n", len(cases)+len(libraryRefusals), count)
}

// The cases of the library's chart differ from what it renders by what they are about.
func TestAnythingRenders(t *testing.T) {
	if _, err := helm(t, "testdata/anything", nil, "v1.36.3"); err != nil {
		t.Error(err)
	}
	if _, err := helm(t, charts+"/mongogate", values(t, leastApp), "v1.36.3"); err != nil {
		t.Error(err)
	}
}
