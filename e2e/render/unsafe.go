package render

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mongogate/mongogate/internal/settings"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Names that charts and kustomizations share.
const (
	// ProtectionLabel is on every gated pod; its value is what the loss of the lock leads to.
	ProtectionLabel = "mongogate.dev/protection"
	// HolderLabel is what the gate gives to the pod that holds, where it may.
	HolderLabel = "mongogate.dev/holder"
	// AcceptGap is the pod's annotation by which its owner accepts that a killed
	// container runs again for up to one scan without the lock.
	AcceptGap      = "mongogate.dev/accept-gap"
	epochContainer = "mongogate-epoch"
)

// a pod, its gates, and what was rendered beside it
type gated struct {
	Workload
	gates   []Gate
	objects []runtime.Object
}

// invariants are the combinations that lose the promise or never come up, each with
// the reason. A rule returns what is wrong, or nothing.
var invariants = []struct {
	name string
	find func(gated) []string
}{
	{"a rollout waits for a standby that is never ready", rollout},
	{"a budget or a scaler waits for a standby that is never ready", scalers},
	{"one key for several pods that all have to run", oneKey},
	{"init alone protects nothing after ttl + grace", initAlone},
	{"a startup barrier that gives up", barrier},
	{"kill leaves restarted containers", killGap},
	{"kill cannot reach the workload", killReach},
	{"restart is not obeyed", restart},
	{"a follower without its sidecar, or a sidecar without its follower", follow},
	{"a wrapped container is disturbed while it waits", wrapped},
	{"a run of a CronJob is doubled or lost", cronJob},
	{"two gates of a pod answer at one address", addresses},
	{"a gate without memory of its own", state},
	{"the token of a service account", token},
	{"the end of a pod leaves no time to give the lock back", ending},
	{"the label says something else than what protects", label},
	{"a secret in a variable", secret},
}

// Unsafe is every combination of a pod, its gates and what is rendered beside it that
// this project refuses. A pod without a gate is nobody's business.
func Unsafe(w Workload, gates []Gate, objects []runtime.Object) []string {
	if len(gates) == 0 {
		return nil
	}
	var problems []string
	for _, rule := range invariants {
		for _, p := range rule.find(gated{w, gates, objects}) {
			problems = append(problems, rule.name+": "+p)
		}
	}
	return problems
}

// of are the gates that run a subcommand.
func (g gated) of(command string) []Gate {
	return slices.DeleteFunc(slices.Clone(g.gates), func(x Gate) bool { return x.Command != command })
}

// behindBarrier says whether pods wait for the lock before their main containers start.
func (g gated) behindBarrier() bool {
	return len(g.of("init")) > 0 || slices.ContainsFunc(g.of("sidecar"), func(x Gate) bool { return x.StartupProbe != nil })
}

// standbyUnready says whether a pod that waits is not Ready.
func (g gated) standbyUnready() bool {
	if g.behindBarrier() {
		return true
	}
	return slices.ContainsFunc(g.gates, func(x Gate) bool {
		p := x.ReadinessProbe
		return p != nil && (x.Settings == nil || x.Readiness != settings.Candidate || !asksGate(x, p))
	})
}

func replicas(n *int32) int32 {
	if n == nil {
		return 1
	}
	return *n
}

func rollout(g gated) []string {
	if s, ok := g.Object.(*appsv1.StatefulSet); ok {
		return ordered(g, s)
	}
	d, ok := g.Object.(*appsv1.Deployment)
	if !ok || !g.standbyUnready() {
		return nil
	}
	var problems []string
	if n := replicas(d.Spec.Replicas); n > 1 {
		problems = append(problems, fmt.Sprintf("%d replicas: all but one are never ready", n))
	}
	r := d.Spec.Strategy.RollingUpdate
	switch surge, ok := value(r); {
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
	case !ok || surge != 0:
		problems = append(problems, "strategy RollingUpdate with maxSurge above 0: set Recreate, or maxSurge 0")
	}
	return problems
}

// ordered says where the pods of a StatefulSet wait for one another to be ready.
func ordered(g gated, s *appsv1.StatefulSet) (problems []string) {
	n := replicas(s.Spec.Replicas)
	if n == 1 || !g.standbyUnready() {
		return nil
	}
	if s.Spec.PodManagementPolicy != appsv1.ParallelPodManagement {
		problems = append(problems, "podManagementPolicy is not Parallel: a pod starts when the one before it is ready")
	}
	if s.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType {
		return problems
	}
	away := 1
	if r := s.Spec.UpdateStrategy.RollingUpdate; r != nil && r.MaxUnavailable != nil {
		away, _ = intstr.GetScaledValueFromIntOrPercent(r.MaxUnavailable, int(n), true)
	}
	if away < int(n) {
		problems = append(problems, fmt.Sprintf("a rolling update replaces %d of %d pods and waits until they are ready: set maxUnavailable 100%%, or OnDelete", away, n))
	}
	return problems
}

func value(r *appsv1.RollingUpdateDeployment) (int, bool) {
	if r == nil || r.MaxSurge == nil {
		return 0, false
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(r.MaxSurge, 1, true)
	return n, err == nil
}

func scalers(g gated) []string {
	if !g.standbyUnready() {
		return nil
	}
	var problems []string
	for _, o := range g.objects {
		switch o := o.(type) {
		case *policyv1.PodDisruptionBudget:
			if s, err := metav1.LabelSelectorAsSelector(o.Spec.Selector); err == nil && s.Matches(labels.Set(g.Pod.Labels)) {
				problems = append(problems, "PodDisruptionBudget "+o.Name+" blocks every drain of the holder")
			}
		case *autoscalingv2.HorizontalPodAutoscaler:
			if o.Spec.ScaleTargetRef.Kind == g.Kind && o.Spec.ScaleTargetRef.Name == g.Name {
				problems = append(problems, "HorizontalPodAutoscaler "+o.Name+" adds pods that never start")
			}
		}
	}
	return problems
}

func oneKey(g gated) []string {
	many := int32(1)
	switch o := g.Object.(type) {
	case *appsv1.StatefulSet:
		many = replicas(o.Spec.Replicas)
	case *batchv1.Job:
		many = max(replicas(o.Spec.Parallelism), replicas(o.Spec.Completions))
	case *batchv1.CronJob:
		j := o.Spec.JobTemplate.Spec
		many = max(replicas(j.Parallelism), replicas(j.Completions))
	}
	if many == 1 {
		return nil
	}
	other := newPodWorld(g.Workload, g.objects)
	other.ordinal = 1
	second, _ := other.gates()
	var problems []string
	for i, x := range g.gates {
		if x.Settings != nil && x.Lock.Key != "" && i < len(second) && x.Lock.Key == second[i].Lock.Key {
			problems = append(problems, fmt.Sprintf("%s: %d pods have key %q: put the pod's name or index into it", x.Container.Name, many, x.Lock.Key))
		}
	}
	return problems
}

// before says whether a gate starts before another.
func (g gated) before(a, b Gate) bool {
	at := func(x Gate) int {
		return slices.IndexFunc(g.Containers(), func(c Container) bool { return c.Name == x.Container.Name })
	}
	return at(a) < at(b)
}

func initAlone(g gated) []string {
	var problems []string
	for _, x := range g.of("init") {
		adopts := func(s Gate) bool {
			return s.Sidecar && g.before(x, s) && s.Lock.Key == x.Lock.Key && stateVolume(g.Workload, s) == stateVolume(g.Workload, x)
		}
		if !slices.ContainsFunc(g.of("sidecar"), adopts) {
			problems = append(problems, x.Container.Name+": no sidecar behind it, with its key and state directory, takes the lease over")
		}
	}
	return problems
}

func barrier(g gated) []string {
	var problems []string
	followed := len(g.of("sidecar")) > 0 && g.of("sidecar")[0].Followed()
	for _, x := range g.of("sidecar") {
		if !x.Sidecar {
			problems = append(problems, x.Container.Name+": not a native sidecar (an init container with restartPolicy Always), so main containers do not wait for it")
		}
		p := x.StartupProbe
		switch {
		case p == nil && !followed:
			problems = append(problems, x.Container.Name+": no startup probe, so main containers do not wait for the lock")
		case p != nil && max(p.PeriodSeconds, 1)*(p.FailureThreshold/1000) < 86400:
			problems = append(problems, x.Container.Name+": the kubelet restarts a gate that waits; set failureThreshold to 2147483647")
		}
	}
	return problems
}

func killGap(g gated) []string {
	for _, x := range g.of("sidecar") {
		if !x.Protects(settings.Kill) || x.Protects(settings.Restart) || x.Followed() ||
			g.Pod.Spec.RestartPolicy == corev1.RestartPolicyNever || g.Pod.Annotations[AcceptGap] == "true" {
			continue
		}
		return []string{x.Container.Name + ": a main container that the kubelet restarts runs for up to one scan without the lock: set restartPolicy Never, add restart, or accept it with the annotation " + AcceptGap + `: "true"`}
	}
	return nil
}

func killReach(g gated) []string {
	var problems []string
	for _, x := range g.of("sidecar") {
		if !x.Protects(settings.Kill) {
			continue
		}
		if s := g.Pod.Spec.ShareProcessNamespace; s == nil || !*s {
			problems = append(problems, x.Container.Name+": the pod does not share its process namespace")
		}
		marked := false
		for _, c := range g.Containers() {
			if c.Init || isGate(c) {
				continue
			}
			marked = marked || slices.ContainsFunc(c.Env, func(v corev1.EnvVar) bool { return v.Name == "MONGOGATE_WORKLOAD" })
			if user(g.Workload, c) != user(g.Workload, x.Container) {
				problems = append(problems, fmt.Sprintf("%s has the user %s, %s has %s: signals need the same", c.Name, user(g.Workload, c), x.Container.Name, user(g.Workload, x.Container)))
			}
		}
		if !marked {
			problems = append(problems, "no container carries MONGOGATE_WORKLOAD")
		}
	}
	return problems
}

// user is the number that a container runs as, "" where the image decides.
func user(w Workload, c Container) string {
	if s := c.SecurityContext; s != nil && s.RunAsUser != nil {
		return fmt.Sprint(*s.RunAsUser)
	}
	if s := w.Pod.Spec.SecurityContext; s != nil && s.RunAsUser != nil {
		return fmt.Sprint(*s.RunAsUser)
	}
	return ""
}

func restart(g gated) []string {
	var problems []string
	for _, x := range g.of("sidecar") {
		if !x.Protects(settings.Restart) {
			continue
		}
		rule := func(r corev1.ContainerRestartRule) bool {
			return r.Action == corev1.ContainerRestartRuleActionRestartAllContainers && r.ExitCodes != nil &&
				r.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpNotIn && slices.Equal(r.ExitCodes.Values, []int32{0})
		}
		if !slices.ContainsFunc(x.RestartPolicyRules, rule) {
			problems = append(problems, x.Container.Name+": no rule RestartAllContainers for exit codes NotIn [0]: a crashed gate would leave the workload running")
		}
		if first := g.Pod.Spec.InitContainers[0]; !strings.HasPrefix(first.Name, epochContainer) || first.RestartPolicy != nil {
			problems = append(problems, x.Container.Name+": the first init container is not a plain "+epochContainer+", so a rule that is ignored goes unnoticed")
		}
		same := func(e Gate) bool {
			return stateVolume(g.Workload, e) == stateVolume(g.Workload, x) && e.StateDir == x.StateDir
		}
		if !slices.ContainsFunc(g.of("epoch"), same) {
			problems = append(problems, x.Container.Name+": "+epochContainer+" writes into another state directory")
		}
	}
	return problems
}

func follow(g gated) []string {
	var problems []string
	runs := slices.DeleteFunc(g.of("run"), func(x Gate) bool { return !x.Follow })
	sidecars := slices.DeleteFunc(g.of("sidecar"), func(x Gate) bool { return !x.Followed() })
	pair := func(a, b Gate) bool {
		return a.Lock.Key == b.Lock.Key && stateVolume(g.Workload, a) != "" && stateVolume(g.Workload, a) == stateVolume(g.Workload, b)
	}
	for _, r := range runs {
		if !slices.ContainsFunc(sidecars, func(s Gate) bool { return pair(r, s) }) {
			problems = append(problems, r.Container.Name+": no sidecar with --protection follow, the same key and the same state directory")
		}
	}
	for _, s := range sidecars {
		if !slices.ContainsFunc(runs, func(r Gate) bool { return pair(r, s) }) {
			problems = append(problems, s.Container.Name+": --protection follow, and nothing in the pod runs with --follow, its key and its state directory")
		}
	}
	return problems
}

func wrapped(g gated) []string {
	var problems []string
	for _, x := range g.of("run") {
		if x.Lifecycle != nil && x.Lifecycle.PostStart != nil {
			problems = append(problems, x.Container.Name+": postStart runs while the command waits")
		}
		for name, p := range map[string]*corev1.Probe{"liveness": x.LivenessProbe, "startup": x.StartupProbe} {
			if p != nil && !asksGate(x, p) {
				problems = append(problems, x.Container.Name+": its "+name+" probe fails while the command waits: ask through mongogate probe … --")
			}
		}
		if len(x.Command) == 0 {
			problems = append(problems, x.Container.Name+": run needs an explicit command")
		}
	}
	return problems
}

// asksGate says whether a probe is answered by the gate: asked by its binary, or by http at its address.
func asksGate(x Gate, p *corev1.Probe) bool {
	switch {
	case p.Exec != nil:
		return strings.HasSuffix(p.Exec.Command[0], "/mongogate")
	case p.HTTPGet != nil && x.Settings != nil:
		host, port, _ := strings.Cut(x.ProbeAddress, ":")
		where, _, _ := strings.Cut(p.HTTPGet.Path, "?")
		return p.HTTPGet.Port.String() == port && p.HTTPGet.Host == host && slices.Contains([]string{"/startupz", "/readyz", "/livez"}, where) &&
			(p.HTTPGet.Scheme == "" || p.HTTPGet.Scheme == corev1.URISchemeHTTP)
	}
	return false
}

func cronJob(g gated) []string {
	c, ok := g.Object.(*batchv1.CronJob)
	if !ok {
		return nil
	}
	var problems []string
	say := func(bad bool, text string) {
		if bad {
			problems = append(problems, text)
		}
	}
	say(c.Spec.TimeZone == nil, "no timeZone: clusters disagree on the minute")
	say(c.Spec.StartingDeadlineSeconds == nil, "no startingDeadlineSeconds: a cluster that comes back starts runs of any age")
	say(strings.Contains(c.Spec.Schedule, "@every"), "@every counts from each cluster's own start")
	say(strings.HasPrefix(c.Spec.Schedule, "TZ=") || strings.HasPrefix(c.Spec.Schedule, "CRON_TZ="), "the time zone belongs into timeZone")
	never := g.Pod.Spec.RestartPolicy == corev1.RestartPolicyNever
	say(!never, "restartPolicy is not Never: the kubelet runs a failed command again under the same pod")
	deduplicated := false
	for _, x := range g.gates {
		if x.Settings == nil || x.Lock.Bucket == "" {
			continue
		}
		deduplicated = true
		say(x.Command != "run", x.Container.Name+": no exit code of an init container or a sidecar ends a skipped Job as a success: use run in the main container")
		say(x.NoOverlap && c.Spec.ConcurrencyPolicy == batchv1.ReplaceConcurrent, x.Container.Name+": Replace ends the run that noOverlap waits for")
		if d := c.Spec.StartingDeadlineSeconds; d != nil {
			told := time.Duration(*d) * time.Second
			say(x.StartingDeadline != 0 && x.StartingDeadline != told, fmt.Sprintf("%s: MONGOGATE_STARTING_DEADLINE is %v, startingDeadlineSeconds is %d", x.Container.Name, x.StartingDeadline, *d))
			say(x.Retention < told, fmt.Sprintf("%s: records are kept for %v, startingDeadlineSeconds is %d", x.Container.Name, x.Retention, *d))
		}
	}
	say(deduplicated && len(g.of("run")) < len(g.Pod.Spec.Containers), "a main container runs without the lock")
	return problems
}

func addresses(g gated) []string {
	var problems []string
	seen := map[string]string{}
	for _, x := range g.gates {
		if x.Settings == nil || !slices.Contains([]string{"run", "sidecar"}, x.Command) {
			continue
		}
		for _, p := range probes(x.Container) {
			if x.Command == "sidecar" && !asksGate(x, p) {
				problems = append(problems, x.Container.Name+": a probe asks where the gate does not answer, which is "+x.ProbeAddress)
			}
		}
		for _, at := range []string{x.ProbeAddress, x.MetricsAddress} {
			if at == "" || at == settings.None {
				continue
			}
			if strings.HasPrefix(at, "unix:") {
				at = stateVolume(g.Workload, x) + " " + at
			}
			if other := seen[at]; other != "" {
				problems = append(problems, other+" and "+x.Container.Name+" both answer at "+at)
			}
			seen[at] = x.Container.Name
		}
	}
	return problems
}

// stateVolume is the volume in which a gate keeps its state directory, "" where there is none.
func stateVolume(w Workload, x Gate) string {
	if x.Settings == nil {
		return ""
	}
	best := corev1.VolumeMount{}
	for _, m := range x.VolumeMounts {
		if (x.StateDir == m.MountPath || strings.HasPrefix(x.StateDir, m.MountPath+"/")) && len(m.MountPath) > len(best.MountPath) && !m.ReadOnly {
			best = m
		}
	}
	return best.Name
}

func state(g gated) []string {
	var problems []string
	for _, x := range g.gates {
		if x.Settings == nil || !slices.Contains([]string{"run", "sidecar", "init"}, x.Command) {
			continue
		}
		at := slices.IndexFunc(g.Pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == stateVolume(g.Workload, x) })
		if at < 0 {
			problems = append(problems, x.Container.Name+": no volume at "+x.StateDir)
			continue
		}
		if e := g.Pod.Spec.Volumes[at].EmptyDir; e == nil || e.Medium != corev1.StorageMediumMemory || e.SizeLimit == nil {
			problems = append(problems, x.Container.Name+": the volume at "+x.StateDir+" is no emptyDir in memory with a size limit")
		}
	}
	return problems
}

// kubeSettings are those that need the API server.
var kubeSettings = []string{"kube-events", "kube-label", "kube-evidence", "kube-owner"}

// asks says which settings of a gate need the API server.
func asks(x Gate) (names []string) {
	if x.Settings == nil {
		return nil
	}
	for _, s := range x.Sources() {
		if slices.Contains(kubeSettings, s.Name) && s.Value != "" && s.Value != "false" {
			names = append(names, s.Name)
		}
	}
	return names
}

func token(g gated) []string {
	var need []string
	for _, x := range g.gates {
		need = append(need, asks(x)...)
	}
	mounted := g.Pod.Spec.AutomountServiceAccountToken == nil || *g.Pod.Spec.AutomountServiceAccountToken
	switch {
	case len(need) == 0 && mounted:
		return []string{"no feature needs it: set automountServiceAccountToken false"}
	case len(need) > 0 && !mounted:
		return []string{strings.Join(need, ", ") + " needs it"}
	case len(need) > 0 && g.Pod.Spec.ServiceAccountName == "":
		return []string{strings.Join(need, ", ") + " needs a service account with the rights, not the default one"}
	}
	return nil
}

func ending(g gated) []string {
	grace := int64(30)
	if t := g.Pod.Spec.TerminationGracePeriodSeconds; t != nil {
		grace = *t
	}
	var problems []string
	for _, x := range g.gates {
		if x.Settings == nil || !slices.Contains([]string{"run", "sidecar"}, x.Command) {
			continue
		}
		kill, operation := x.KillBudget, x.OperationTimeout
		if kill == 0 {
			kill = x.TTL / 6
		}
		if operation == 0 {
			operation = x.TTL / 5
		}
		if least := int64((kill + operation).Seconds()); grace < least {
			problems = append(problems, fmt.Sprintf("%s: terminationGracePeriodSeconds %d < kill budget + one operation = %d", x.Container.Name, grace, least))
		}
	}
	return problems
}

func label(g gated) []string {
	got := g.Pod.Labels[ProtectionLabel]
	var kinds []string
	for _, x := range g.gates {
		switch {
		case x.Command == "run" && x.Follow:
			kinds = append(kinds, "follow")
		case x.Command == "run":
			kinds = append(kinds, "run")
		case x.Command == "sidecar" && !x.Followed():
			kinds = append(kinds, x.Protection)
		}
	}
	if len(kinds) > 0 && !slices.Contains(kinds, got) { // a pod that only looks at locks protects nothing
		return []string{fmt.Sprintf("%s is %q, the gates do %s", ProtectionLabel, got, strings.Join(kinds, ", "))}
	}
	return nil
}

func secret(g gated) []string {
	for _, c := range g.Containers() {
		for _, v := range c.Env {
			if strings.Contains(v.Value, "://") && strings.Contains(v.Value, "@") {
				return []string{c.Name + ": " + v.Name + " holds a connection string with a user"}
			}
		}
	}
	return nil
}
