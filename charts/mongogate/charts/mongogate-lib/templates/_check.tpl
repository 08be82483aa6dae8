{{/* Fails with everything that makes a request unsafe, or says nothing. */}}
{{- define "mongogate.check" -}}
{{- include "mongogate.refuse" (dict "kind" .kind "name" .name "problems" (include "mongogate.problems" . | fromJsonArray)) -}}
{{- end -}}

{{- define "mongogate.refuse" -}}
{{- if .problems -}}
{{- $lines := list (printf "%s %s is not rendered:" .kind .name) -}}
{{- range .problems }}{{ $lines = append $lines (printf "  - %s" .) }}{{ end -}}
{{- fail (printf "\n\n%s\n" (join "\n" $lines)) -}}
{{- end -}}
{{- end -}}

{{/* The list of problems, each with its reason and what to set instead. */}}
{{- define "mongogate.problems" -}}
{{- $all := .problems | default list -}}
{{- range list "names" "mode" "containers" "ports" "rollout" "jobs" "waiting" "timing" "database" -}}
{{- $all = concat $all (include (printf "mongogate.problems.%s" .) $ | fromJsonArray) -}}
{{- end -}}
{{- $all | toJson -}}
{{- end -}}

{{/* Which protection, and what it needs to be one. */}}
{{- define "mongogate.problems.mode" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $p := list -}}
{{- if eq $v.protection "init" -}}
{{- $p = append $p "protection: init alone protects nothing after ttl + grace, because nobody renews the lease: set protection to follow, restart, kill or sentinel, and init.enabled: true, so that a sidecar adopts the lease" -}}
{{- end -}}
{{- if and $v.init.enabled (eq $v.protection "run") -}}
{{- $p = append $p "init.enabled with protection: run: the wrapper takes a lock of its own when the workload starts: leave init out, or set protection to follow, restart, kill or sentinel" -}}
{{- end -}}
{{- if and $v.also (has $v.protection (list "run" "follow" "init")) -}}
{{- $p = append $p (printf "also: %s with protection: %s: the wrapper stops its workload by itself: leave also empty, or set protection to restart, kill or sentinel" (join ", " $v.also) $v.protection) -}}
{{- end -}}
{{- if has $v.protection ($v.also | default list) -}}
{{- $p = append $p (printf "also: %s is the protection already: leave it out of also" $v.protection) -}}
{{- end -}}
{{- if and $f.kill (not $v.acceptGap) (not $f.restart) -}}
{{- if eq (toString .pod.restartPolicy) "Never" -}}
{{- range include "mongogate.stay" . | fromJsonArray -}}
{{- if and (not (has .name $v.ungated)) (or (not (has (toString (.restartPolicy | default "Never")) (list "Never"))) .restartPolicyRules) -}}
{{- $p = append $p (printf "protection: kill: the kubelet restarts container %s, which has a restart policy of its own, also in a pod with restartPolicy: Never, and it runs without the lock until the next scan: take it out, or set also: [restart] (Kubernetes 1.36) or acceptGap: true" .name) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- $p = append $p "protection: kill: the kubelet restarts killed containers without asking the gate, and they run without the lock until the next scan: set also: [restart] (Kubernetes 1.36), protection: follow, restartPolicy: Never (Jobs), or acceptGap: true" -}}
{{- end -}}
{{- end -}}
{{- if $f.restart -}}
{{- $kube := .root.Capabilities.KubeVersion -}}
{{- if semverCompare "<1.36.0-0" $kube.Version -}}
{{- $p = append $p (printf "restart needs Kubernetes 1.36 (RestartAllContainers), this is %s, which would drop the rule: set protection to run or follow (helm template: say which version the cluster has by --kube-version)" $kube.Version) -}}
{{- end -}}
{{- end -}}
{{- if and (eq $v.readiness "candidate") (ne $v.protection "run") -}}
{{- $p = append $p (printf "readiness: candidate with protection: %s: what waits behind a startup barrier has not started and cannot be ready: set readiness: holder, or protection: run" $v.protection) -}}
{{- end -}}
{{- if eq $v.readiness "candidate" -}}
{{- if not (hasKey . "services") -}}
{{- $p = append $p "readiness: candidate: a Service would send requests to pods that do not run the workload: pass the selectors of all Services in front of it as services (an empty list if there are none)" -}}
{{- end -}}
{{- range .services -}}
{{- if not (and $v.kube.label (eq (toString (get . $v.kube.label)) "true")) -}}
{{- $p = append $p (printf "readiness: candidate behind a Service that does not select the holder: requests would go to pods that do not run the workload: set kube.label (such as mongogate.dev/holder) and let the Service select %s: \"true\", or set readiness: holder" ($v.kube.label | default "it")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.kube.evidence (not $f.sidecar) -}}
{{- $p = append $p (printf "kube.evidence with protection: %s: the wrapper sees for itself that its tree of processes is empty: set kube.evidence: false" $v.protection) -}}
{{- end -}}
{{- if and (not $f.isJob) (eq $v.onLoss "exit") $f.kill (not $f.restart) -}}
{{- $p = append $p "onLoss: exit with kill: nobody would scan while the gate is away: leave onLoss empty" -}}
{{- end -}}
{{- if ne $v.protection "run" -}}
{{- range $name := list "ifHeld" "onFailure" "timeout" "failIfHeld" "noOverlap" -}}
{{- if get $v $name -}}
{{- $p = append $p (printf "%s with protection: %s: only run knows how a run ends: %s" $name $v.protection (ternary "use init.timeout, a sidecar must not end while the pod starts" (printf "set protection: run, or leave %s out" $name) (eq $name "timeout"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $v.spare (or $f.wrapper (not $f.shared)) -}}
{{- $p = append $p (printf "spare: %s with protection: %s: without a shared process namespace, and beside a wrapper, no process is looked at: leave spare empty, or set protection: kill, or shareProcessNamespace: true with restart or sentinel" (join ", " $v.spare) $v.protection) -}}
{{- end -}}
{{- if ne (dig "name" "linux" (.pod.os | default dict) | toString) "linux" -}}
{{- $p = append $p (printf "os.name: %s: the gate runs on Linux: leave os out" .pod.os.name) -}}
{{- end -}}
{{- if hasKey (dig "limits" dict (.pod.resources | default dict) | default dict) "cpu" -}}
{{- $p = append $p "resources.limits.cpu of the pod: it throttles the gate with the workload, and a pause loses the lease: set limits of the workload's containers" -}}
{{- end -}}
{{- if and $f.shared (eq (toString .pod.shareProcessNamespace) "false") -}}
{{- $p = append $p "shareProcessNamespace: false in the pod: the gate has to see the workload's processes: leave it out" -}}
{{- end -}}
{{- if and $f.shared .pod.hostPID -}}
{{- $p = append $p "hostPID: the gate would take every process of the node for the workload: set hostPID: false" -}}
{{- end -}}
{{- $keyFields := list "Namespace" "Name" "Job" -}}
{{- if $f.indexed }}{{ $keyFields = append $keyFields "Index" }}{{ end -}}
{{- if $v.cluster }}{{ $keyFields = append $keyFields "Cluster" }}{{ end -}}
{{- if and (eq .kind "CronJob") (ne $v.bucket "none") }}{{ $keyFields = append $keyFields "Bucket" }}{{ end -}}
{{- range regexFindAll "{{[^}]*}*" $v.key -1 -}}
{{- if not (has (nospace . | trimPrefix "{{." | trimSuffix "}}") $keyFields) -}}
{{- $p = append $p (printf "key: %s says %s, and here it has only {{.%s}}: the gate would not start" $v.key . (join "}}, {{." $keyFields)) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .kind "StatefulSet") $v.key (gt (.workload.replicas | default 1 | int) 1) (not (contains "{{.Index}}" (nospace $v.key))) -}}
{{- $p = append $p (printf "key: %s is one key for all %d pods of a StatefulSet: all but one would wait forever, and so would every rollout: name {{.Index}} in the key, leave it empty, or set replicas: 1" $v.key (.workload.replicas | int)) -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* What runs as long as the pod: its containers, and native sidecars that neither come before the gate nor are another gate of this pod. */}}
{{- define "mongogate.stay" -}}
{{- $after := .values.after | default list -}}
{{- $stay := .pod.containers | default list -}}
{{- range .pod.initContainers -}}
{{- if and (eq (toString .restartPolicy) "Always") (not (has .name $after)) (not (include "mongogate.isGate" .)) }}{{ $stay = append $stay . }}{{ end -}}
{{- end -}}
{{- $stay | toJson -}}
{{- end -}}

{{/* The user that the last of some security contexts names, as digits; empty where none does. */}}
{{- define "mongogate.user" -}}
{{- $user := "" -}}
{{- range . }}{{ with (. | default dict).runAsUser | toString }}{{ if ne . "<nil>" }}{{ $user = float64 . | int64 | toString }}{{ end }}{{ end }}{{ end -}}
{{- $user -}}
{{- end -}}

{{/* Says so for the sidecar that another alias of this chart put into the pod. A name alone is no proof. */}}
{{- define "mongogate.isGate" -}}
{{- if and (hasPrefix "mongogate" (toString .name)) (not .command) (eq (join " " .args) "sidecar") -}}yes{{- end -}}
{{- end -}}

{{/* What the wrapper and the protections ask of the containers. */}}
{{- define "mongogate.problems.containers" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $p := list -}}
{{- $c := $f.mine -}}
{{- if not $c -}}
{{- $p = append $p (printf "container: there is no container %s in the pod" ($f.main | default "at all")) -}}
{{- end -}}
{{- $stay := include "mongogate.stay" . | fromJsonArray -}}
{{- $names := list -}}
{{- range $stay }}{{ $names = append $names .name }}{{ end -}}
{{- range $v.ungated -}}
{{- if not (has . $names) }}{{ $p = append $p (printf "ungated: there is no container %s in the pod" .) }}{{ end -}}
{{- end -}}
{{- $inits := list -}}
{{- range .pod.initContainers }}{{ $inits = append $inits .name }}{{ end -}}
{{- range $v.after -}}
{{- if not (has . $inits) }}{{ $p = append $p (printf "after: there is no init container %s in the pod" .) }}{{ end -}}
{{- end -}}
{{- $theirs := list -}}
{{- range .pod.volumes }}{{ if hasPrefix "mongogate-" .name }}{{ $theirs = append $theirs .name }}{{ end }}{{ end -}}
{{- /* A claim of a StatefulSet takes the place of the pod's volume of its name. */ -}}
{{- range (.workload | default dict).volumeClaimTemplates }}{{ $theirs = append $theirs (dig "metadata" "name" "" .) }}{{ end -}}
{{- range $name := list "bin" "state" "podinfo" "uri" "ca" -}}
{{- $full := printf "mongogate-%s%s" $name $f.suffix -}}
{{- if has $full $theirs }}{{ $p = append $p (printf "the pod has a volume %s already, which is the gate's name: give it another one, or set suffix" $full) }}{{ end -}}
{{- end -}}
{{- $taken := $inits -}}
{{- range .pod.containers }}{{ $taken = append $taken .name }}{{ end -}}
{{- range $name := list "mongogate" "mongogate-install" "mongogate-wait" "mongogate-epoch" -}}
{{- $full := printf "%s%s" $name $f.suffix -}}
{{- if has $full $taken }}{{ $p = append $p (printf "the pod has a container %s already, which is the gate's name: give it another one, or set suffix" $full) }}{{ end -}}
{{- end -}}
{{- if and $c $f.wrapper (has $f.main $v.ungated) -}}
{{- $p = append $p (printf "ungated: %s is the container that the wrapper runs: take it out, or set container to another one" $f.main) -}}
{{- end -}}
{{- if and $f.kill (not $f.wrapper) $stay -}}
{{- $gated := 0 -}}
{{- range $stay }}{{ if not (has .name $v.ungated) }}{{ $gated = add1 $gated }}{{ end }}{{ end -}}
{{- if not $gated }}{{ $p = append $p (printf "ungated: %s: no container is left for the gate: take out what does the work" (join ", " $v.ungated)) }}{{ end -}}
{{- end -}}
{{- $listens := dict -}}
{{- if $v.metrics.enabled }}{{ $_ := set $listens "metrics.port" $v.metrics.port }}{{ end -}}
{{- if and $f.http $f.sidecar }}{{ $_ := set $listens "probes.port" $f.probePort }}{{ end -}}
{{- if include "mongogate.wrapperByHttp" . }}{{ $_ := set $listens (ternary "probes.port + 1" "probes.port" $f.sidecar) $f.wrapperPort }}{{ end -}}
{{- $own := dict -}}
{{- range $name, $port := $listens -}}
{{- $number := include "mongogate.text" $port -}}
{{- if hasKey $own $number }}{{ $p = append $p (printf "%s and %s are both %s: set another probes.port" (get $own $number) $name $number) }}{{ end -}}
{{- $_ := set $own $number $name -}}
{{- range $container := concat ($.pod.containers | default list) ($.pod.initContainers | default list) -}}
{{- range .ports -}}
{{- if eq (include "mongogate.text" .containerPort) $number }}{{ $p = append $p (printf "container %s and %s are both %s, and containers of a pod share their ports: set another %s" $container.name $name $number (splitList " " $name | first)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $f.wrapper -}}
{{- if and $c (not $c.command) -}}
{{- $p = append $p (printf "container %s has no command: the wrapper starts it, and cannot read the image's ENTRYPOINT: set command to what the image runs" $f.main) -}}
{{- end -}}
{{- if (dig "postStart" dict ($c.lifecycle | default dict)) -}}
{{- $p = append $p (printf "container %s has lifecycle.postStart: it would run while the wrapper waits, before the workload: put it into the command" $f.main) -}}
{{- end -}}
{{- with dig "stopSignal" "" ($c.lifecycle | default dict) -}}
{{- if has . (list "SIGKILL" "SIGSTOP" "SIGRTMIN" "SIGCHLD" "SIGURG" "SIGPIPE" "SIGTTIN" "SIGTTOU" "SIGCONT" "SIGTSTP") -}}
{{- $p = append $p (printf "container %s has lifecycle.stopSignal: %s: the gate cannot take it for a request to stop, and the pod would hang until it is killed: set SIGTERM, or one such as SIGQUIT or SIGUSR1, or leave it out" $f.main .) -}}
{{- end -}}
{{- $asked := list "TERM" "INT" "HUP" "QUIT" -}}
{{- range splitList "," ($v.stopSignal | default "any") }}{{ $asked = append $asked (trim . | trimPrefix "SIG") }}{{ end -}}
{{- if not (or (has "any" $asked) (has (trimPrefix "SIG" .) $asked)) -}}
{{- $p = append $p (printf "stopSignal: %s leaves out %s, by which lifecycle.stopSignal lets the kubelet ask to stop: a pod that waits would hang until it is killed: name it, or leave stopSignal empty" $v.stopSignal .) -}}
{{- end -}}
{{- if not (dig "os" "name" "" $.pod) -}}
{{- $p = append $p (printf "container %s has lifecycle.stopSignal, and Kubernetes takes it only where os.name says which system it is: set os.name: linux in the pod (this chart: podSpec)" $f.main) -}}
{{- end -}}
{{- end -}}
{{- range $stay -}}
{{- if and (ne (toString .name) $f.main) (not (has .name $v.ungated)) -}}
{{- $p = append $p (printf "container %s would run without the lock, because the wrapper runs only %s: name it in ungated if it may, or set protection to restart, kill or sentinel" .name $f.main) -}}
{{- end -}}
{{- end -}}
{{- range $kind := list "livenessProbe" "readinessProbe" "startupProbe" -}}
{{- $probe := get $c $kind | default dict -}}
{{- if $probe.grpc -}}
{{- $p = append $p (printf "container %s, %s: the gate does not speak gRPC: set exec, httpGet or tcpSocket" $f.main $kind) -}}
{{- end -}}
{{- with $probe.httpGet | default $probe.tcpSocket -}}
{{- if or .httpHeaders .host (eq (upper (toString .scheme)) "HTTPS") -}}
{{- $p = append $p (printf "container %s, %s: the gate asks localhost, by plain GET or by a connection, not with httpHeaders, host or HTTPS: set exec, or leave them out" $f.main $kind) -}}
{{- end -}}
{{- if not (include "mongogate.port" (dict "port" .port "container" $c)) -}}
{{- $p = append $p (printf "container %s, %s: it has no port %v: give its number, or name the port" $f.main $kind .port) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $f.sidecar -}}
{{- range $v.ungated -}}
{{- if not $f.wrapper -}}{{- if not $f.kill -}}
{{- $p = append $p (printf "ungated: %s: behind a startup barrier every container waits for the lock: leave ungated empty, or set protection: run" .) -}}
{{- end -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- /* A wrapper and its sidecar share files, the protection kill sends signals: both want one user. */ -}}
{{- if or $f.kill (eq $v.protection "follow") -}}
{{- $ours := include "mongogate.user" (list .pod.securityContext $v.securityContext) -}}
{{- range $stay -}}
{{- $theirs := include "mongogate.user" (list $.pod.securityContext .securityContext) -}}
{{- if and $f.kill (not $f.wrapper) (ne $ours $theirs) (has .name $v.ungated) (not $v.spare) -}}
{{- $p = append $p (printf "container %s is ungated and runs as user %s, the gate as %s: the gate cannot read its mark, and would take it for the workload: set runAsUser in the pod's securityContext alone, or name its program in spare" .name ($theirs | default "of the image") ($ours | default "of its image")) -}}
{{- end -}}
{{- if and (ne $ours $theirs) (not (has .name $v.ungated)) -}}
{{- $p = append $p (printf "container %s runs as user %s and the gate as %s: %s: set runAsUser in the pod's securityContext alone" .name ($theirs | default "of the image") ($ours | default "of its image") (ternary "the kernel lets a user signal its own processes only" "the follower cannot read the gate's files" $f.kill)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $settings := include "mongogate.ownSettings" . | fromJsonArray -}}
{{- if $f.wrapper -}}
{{- range $c.env }}{{ if and (hasPrefix "MONGOGATE_" .name) (has (trimPrefix "MONGOGATE_" .name) $settings) }}
{{- $p = append $p (printf "container %s has %s in env: the gate's settings are values of the gate: take it out and set the value" $f.main .name) -}}
{{- end }}{{ end -}}
{{- range $c.envFrom }}{{ if hasPrefix "MONGOGATE" (toString (.prefix | default "")) -}}
{{- $p = append $p (printf "container %s has envFrom with the prefix %s: it could set the gate's variables: give another prefix" $f.main .prefix) -}}
{{- end }}{{ end -}}
{{- end -}}
{{- $fixed := dict "POD_NAME" "metadata.name" "POD_NAMESPACE" "metadata.namespace" "POD_UID" "metadata.uid" "NODE_NAME" "spec.nodeName" "JOB_COMPLETION_INDEX" "metadata.annotations['batch.kubernetes.io/job-completion-index']" -}}
{{- range $where, $env := dict "env" $v.env (printf "container %s" $f.main) (ternary $c.env list $f.wrapper) -}}
{{- range $env -}}
{{- if and (hasKey $fixed .name) (ne (dig "fieldRef" "fieldPath" "" (.valueFrom | default dict)) (get $fixed .name)) -}}
{{- $p = append $p (printf "%s sets %s, by which the gate knows its pod and its key: take it out, or take it from fieldPath %s" $where .name (get $fixed .name)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $v.env }}{{ if and (hasPrefix "MONGOGATE_" .name) (has (trimPrefix "MONGOGATE_" .name) $settings) -}}
{{- $p = append $p (printf "env sets %s, which would go past what is checked here: take it out and set the value" .name) -}}
{{- end }}{{ end -}}
{{- if hasKey (dig "limits" dict ($v.resources | default dict)) "cpu" -}}
{{- $p = append $p "resources.limits.cpu: throttling is a pause, and a pause loses the lease: take it out" -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* A standby is not ready. Whatever waits for it to be ready waits forever. */}}
{{- define "mongogate.problems.rollout" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $p := list -}}
{{- $w := .workload | default dict -}}
{{- $replicas := ternary 1 ($w.replicas | default 0 | int) (kindIs "invalid" $w.replicas) -}}
{{- $strategy := $w.strategy | default dict -}}
{{- $why := ternary "one that waits for the lock is not ready (readiness: holder)" "one that waits behind the startup barrier is never ready" (eq $v.protection "run") -}}
{{- $or := ternary ", or readiness: candidate" ", or protection: run with readiness: candidate" (eq $v.protection "run") -}}
{{- if and (not $f.isJob) (ne $v.readiness "candidate") -}}
{{- if eq .kind "Deployment" -}}
{{- $type := $strategy.type | default "RollingUpdate" -}}
{{- $surge := dig "maxSurge" "25%" ($strategy.rollingUpdate | default dict) -}}
{{- if and (eq $type "RollingUpdate") (not (has (toString $surge) (list "0" "0%"))) -}}
{{- $p = append $p (printf "a rolling update starts the new pod beside the old one, and %s: the rollout would never finish: set strategy.type: Recreate, rollingUpdate.maxSurge: 0%s" $why $or) -}}
{{- end -}}
{{- if gt $replicas 1 -}}
{{- $p = append $p (printf "replicas: %d: %s, and the Deployment would never be available: set replicas: 1 (the standbys are in the other clusters)%s" $replicas $why $or) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .kind "StatefulSet") (gt $replicas 1) (ne (toString $w.podManagementPolicy) "Parallel") -}}
{{- $p = append $p (printf "podManagementPolicy: OrderedReady starts a pod when the one before it is ready, and %s: set podManagementPolicy: Parallel%s" $why $or) -}}
{{- end -}}
{{- if and (eq .kind "StatefulSet") (gt $replicas 1) (semverCompare ">=1.35.0-0" .root.Capabilities.KubeVersion.Version) -}}
{{- $update := $w.updateStrategy | default dict -}}
{{- $away := dig "maxUnavailable" 1 ($update.rollingUpdate | default dict) | toString -}}
{{- if and (ne (toString $update.type) "OnDelete") (ne $away "100%") (or (hasSuffix "%" $away) (lt (int $away) $replicas)) -}}
{{- $p = append $p (printf "updateStrategy: a rolling update replaces %s pods and waits until they are ready, and %s: the rollout would never finish: set rollingUpdate.maxUnavailable: 100%%, or type: OnDelete%s" $away $why $or) -}}
{{- end -}}
{{- end -}}
{{- range $kind := .beside -}}
{{- if eq $kind "PodDisruptionBudget" -}}
{{- $p = append $p (printf "a PodDisruptionBudget counts ready pods, and %s: a node could not be drained: leave it out%s" $why $or) -}}
{{- else if has $kind (list "HorizontalPodAutoscaler" "ScaledObject") -}}
{{- $p = append $p (printf "a %s adds pods, and %s: leave it out%s" $kind $why $or) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* Runs: each once, whichever cluster does it. */}}
{{- define "mongogate.problems.jobs" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $p := list -}}
{{- $w := .workload | default dict -}}
{{- if eq .kind "CronJob" -}}
{{- $schedule := $w.schedule | default "" | toString -}}
{{- if hasPrefix "@every" $schedule -}}
{{- $p = append $p (printf "schedule: %s counts from when each cluster started, so no two clusters mean the same run: write the minute, such as \"*/10 * * * *\"" $schedule) -}}
{{- else if $schedule -}}
{{- with include "mongogate.schedule.problem" $schedule }}{{ $p = append $p (printf "schedule: %s: %s" $schedule .) }}{{ end -}}
{{- end -}}
{{- if and $v.kube.owner (or (ne $v.protection "run") (eq $v.bucket "none")) -}}
{{- $p = append $p "kube.owner without a bucket: the Job's name decides nothing there: set kube.owner: false" -}}
{{- end -}}
{{- if eq (lower (toString $w.timeZone)) "local" -}}
{{- $p = append $p (printf "timeZone: %s: clusters differ in what is local: set a name, such as Etc/UTC" $w.timeZone) -}}
{{- end -}}
{{- if and (eq $v.bucket "none") (eq $v.protection "run") -}}
{{- range $name := list "ifHeld" "onFailure" "failIfHeld" "noOverlap" -}}
{{- if get $v $name }}{{ $p = append $p (printf "%s with bucket: none: it is about buckets, and without them runs never overlap and none is skipped: leave it out" $name) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if not $w.timeZone -}}
{{- $p = append $p "timeZone is missing: each cluster would use its controller's zone, and the runs would not be the same: set timeZone, such as Etc/UTC" -}}
{{- end -}}
{{- if kindIs "invalid" $w.startingDeadlineSeconds -}}
{{- $p = append $p "startingDeadlineSeconds is missing: a cluster that was down could start a run after its record has been removed: set it, such as 600" -}}
{{- end -}}
{{- if and $v.noOverlap (eq (toString $w.concurrencyPolicy) "Replace") -}}
{{- $p = append $p "concurrencyPolicy: Replace with noOverlap: the new run would end the one that it waits for: set Forbid or Allow" -}}
{{- end -}}
{{- if and (ne $v.protection "run") (ne $v.bucket "none") -}}
{{- $p = append $p (printf "protection: %s with kind CronJob: a run that another cluster has done can end as a success only where the command has not started: set protection: run, or bucket: none if runs are only not to overlap" $v.protection) -}}
{{- end -}}
{{- if and $v.retention (not (kindIs "invalid" $w.startingDeadlineSeconds)) -}}
{{- $least := addf (mulf 1000.0 (float64 $w.startingDeadlineSeconds)) (include "mongogate.period" $schedule | float64) -}}
{{- if lt (include "mongogate.ms" $v.retention | float64) $least -}}
{{- $p = append $p (printf "retention: %s is below startingDeadlineSeconds + one period = %s: a latecomer would find no record and run again: set at least that, or leave it empty" $v.retention (include "mongogate.seconds" $least)) -}}
{{- end -}}
{{- end -}}
{{- else -}}
{{- if $v.kube.owner }}{{ $p = append $p (printf "kube.owner with kind %s: only the Jobs of a CronJob have a scheduled minute: set kube.owner: false, or kind: CronJob" .kind) }}{{ end -}}
{{- range $name := list "bucket" "timezone" "manual" "retention" -}}
{{- if get $v $name }}{{ $p = append $p (printf "%s with kind %s: only the Jobs of a CronJob have a scheduled minute: leave it empty, or set kind: CronJob" $name $.kind) }}{{ end -}}
{{- end -}}
{{- range $name := list "ifHeld" "onFailure" "failIfHeld" "noOverlap" -}}
{{- if and (get $v $name) (eq $v.protection "run") }}{{ $p = append $p (printf "%s with kind %s: it is about buckets, which only CronJobs have: leave it out" $name $.kind) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if and $f.isJob (eq $v.readiness "candidate") -}}
{{- $p = append $p (printf "readiness: candidate with kind %s: nobody asks whether a run is ready: leave readiness out" .kind) -}}
{{- end -}}
{{- if $f.isJob -}}
{{- $pods := max ($f.job.parallelism | default 1 | int) ($f.job.completions | default 1 | int) -}}
{{- if gt $pods 1 -}}
{{- if ne (toString $f.job.completionMode) "Indexed" -}}
{{- $p = append $p (printf "%d pods of one Job under one key: they would run one after another, and the first would finish the bucket for all: set completionMode: Indexed, which puts the index into the key, or parallelism and completions: 1" $pods) -}}
{{- else if and $v.key (not (contains "{{.Index}}" (nospace $v.key))) -}}
{{- $p = append $p (printf "key: %s is one key for %d pods of a Job: name {{.Index}} in it, or leave it empty" $v.key $pods) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* The sums of the lease. The binary does them again, and ends with 64 where they do not add up. */}}
{{- define "mongogate.problems.timing" -}}
{{- $v := .values -}}
{{- $f := include "mongogate.facts" . | fromJson -}}
{{- $t := include "mongogate.timing" . | fromJson -}}
{{- $p := list -}}
{{- $deadline := subf (float64 $t.ttl) (float64 $t.budget) (mulf 0.01 (float64 $t.ttl)) -}}
{{- $need := addf (float64 $t.heartbeat) (mulf 2.0 (float64 $t.operation)) -}}
{{- if gt $need (addf $deadline 0.5) -}}
{{- $p = append $p (printf "heartbeat %s + 2 × operationTimeout %s = %s is more than ttl %s − killBudget %s − 1%% drift = %s: one lost renewal would lose the lock: raise ttl, or leave the others empty" (include "mongogate.seconds" $t.heartbeat) (include "mongogate.seconds" $t.operation) (include "mongogate.seconds" $need) (include "mongogate.seconds" $t.ttl) (include "mongogate.seconds" $t.budget) (include "mongogate.seconds" $deadline)) -}}
{{- end -}}
{{- if gt (float64 $t.after) (addf (mulf 0.75 (float64 $t.budget)) 0.5) -}}
{{- $p = append $p (printf "killAfter %s is more than three quarters of the kill budget %s: no time would be left for SIGKILL: leave it empty" (include "mongogate.seconds" $t.after) (include "mongogate.seconds" $t.budget)) -}}
{{- end -}}
{{- if and (lt (float64 $t.ttl) 5000.0) (not $v.allowShortTtl) -}}
{{- $p = append $p (printf "ttl %s is below 5s, which an election of the database outlasts: raise it (allowShortTtl is for tests)" $v.ttl) -}}
{{- end -}}
{{- if and $f.restart (lt (float64 $t.budget) 7000.0) -}}
{{- $p = append $p (printf "restart with a kill budget of %s: the kubelet takes up to 5s to restart the containers: set killBudget: 7s and a ttl that has room for it (30s), or leave killBudget empty" (include "mongogate.seconds" $t.budget)) -}}
{{- end -}}
{{- $end := dig "terminationGracePeriodSeconds" 30 .pod -}}
{{- if kindIs "invalid" $end }}{{ $end = 30 }}{{ end -}}
{{- $stop := addf (float64 $t.budget) (float64 $t.operation) -}}
{{- if lt (mulf 1000.0 (float64 $end)) $stop -}}
{{- $p = append $p (printf "terminationGracePeriodSeconds: %v is less than killBudget + operationTimeout = %s: the kubelet would kill the %s before %s: raise it" $end (include "mongogate.seconds" $stop) (ternary "wrapper" "gate" $f.wrapper) (ternary "it has stopped the workload and given the lock back" "the workload has ended and the lock is given back" $f.wrapper)) -}}
{{- else if $f.wrapper -}}
{{- $sleep := mulf 1000.0 (dig "sleep" "seconds" 0 (dig "preStop" dict ($f.mine.lifecycle | default dict)) | float64) -}}
{{- if lt (mulf 1000.0 (float64 $end)) (addf $stop $sleep) -}}
{{- $p = append $p (printf "lifecycle.preStop sleeps %s of the %vs of terminationGracePeriodSeconds, and killBudget + operationTimeout = %s are needed after it: raise terminationGracePeriodSeconds" (include "mongogate.seconds" $sleep) $end (include "mongogate.seconds" $stop)) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "heartbeat" "operationTimeout" "killBudget" "killAfter" "grace" "scanInterval" "pollInterval" -}}
{{- if and (get $v $name) (not (include "mongogate.ms" (get $v $name) | float64)) -}}
{{- $p = append $p (printf "%s: %s is no time: give a longer one, or leave it empty" $name (get $v $name)) -}}
{{- end -}}
{{- end -}}
{{- if and $f.kill $v.scanInterval (gt (include "mongogate.ms" $v.scanInterval | float64) 1000.0) -}}
{{- $p = append $p (printf "scanInterval: %s: a process that starts meanwhile could run unlocked for this long: set at most 1s, or leave it empty" $v.scanInterval) -}}
{{- end -}}
{{- if $f.sidecar -}}
{{- $probe := $v.probes.startup | default dict -}}
{{- $patience := mulf (float64 ($probe.periodSeconds | default 10)) (float64 ($probe.failureThreshold | default 3)) -}}
{{- if lt $patience 86400000.0 -}}
{{- $p = append $p (printf "probes.startup gives up after %s: the kubelet would end a gate that waits, and on some versions the pod with it: leave failureThreshold at 2147483647" (include "mongogate.seconds" (mulf 1000.0 $patience))) -}}
{{- end -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}

{{/* Where the lock is. */}}
{{- define "mongogate.problems.database" -}}
{{- $p := list -}}
{{- if not .values.database.existingSecret -}}
{{- $p = append $p "database.existingSecret is missing: make a Secret with the connection string under the key uri, and name it" -}}
{{- end -}}
{{- if and .values.caBundle.configMap .values.caBundle.secret -}}
{{- $p = append $p "caBundle.configMap and caBundle.secret are both given: leave one out" -}}
{{- end -}}
{{- $p | toJson -}}
{{- end -}}
