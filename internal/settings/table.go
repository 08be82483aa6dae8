package settings

import (
	"slices"
	"time"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/problem"
)

// View names the settings of all commands that look at one lock, such as show.
const View = "view"

// Who has which flags.
var (
	gates    = []string{"sidecar", "init", "run"}
	keyed    = append(slices.Clone(gates), View, "doctor")
	store    = append(slices.Clone(keyed), "list")
	every    = append(slices.Clone(store), "probe")
	people   = []string{View, "list", "doctor"}
	renewer  = []string{"sidecar", "init", "run", "doctor"}
	waiter   = []string{"run", "doctor"}
	stopper  = []string{"sidecar", "doctor"}
	probed   = []string{"sidecar", "run", "doctor", "probe"}
	stateful = append(slices.Clone(renewer), "probe", "epoch")
)

func (s setting) has(command string) bool { return slices.Contains(s.commands, command) }

// Settings are the settings of one subcommand, read and checked one by one.
// Durations of zero are derived from the ttl by whoever uses them.
type Settings struct {
	// Command is the subcommand.
	Command string

	Config, URIFile      string
	URI                  Secret
	Database, Collection string
	TLSCAFile            string
	ExpectStore          string

	Key                                    *bucket.Template
	Bucket                                 bucket.Spec
	Timezone                               *time.Location
	Namespace, Job, Name                   string
	Owner, Cluster                         string
	Pod, PodUID, Node, JobName, JobUID     string
	CompletionIndex                        string
	PodLabels                              string
	Manual                                 string
	Retention, StartingDeadline            time.Duration
	TTL, Heartbeat, OperationTimeout       time.Duration
	KillBudget, KillAfter, Grace           time.Duration
	AllowShortTTL                          bool
	Timeout, PollInterval                  time.Duration
	ChangeStream                           bool
	IfHeld, OnFailure                      string
	NoOverlap, FailIfHeld, Try             bool
	Protection                             string
	Also, Spare                            []string
	Sentinel                               string
	ScanInterval                           time.Duration
	StateDir                               string
	Follow, WaitTree                       bool
	OnLoss, Isolation, StopSignal          string
	KubeEvents, KubeEvidence, KubeOwner    bool
	KubeLabel                              string
	IdleRelease                            time.Duration
	ProbeAddress, MetricsAddress           string
	Readiness, LogLevel, LogFormat, Output string

	// Lock is the key of this run. It is set for sidecar, init and run, unless SkipJob is.
	Lock bucket.Result
	// SkipJob is set where --manual skip applies: run ends at once with exit code 0.
	SkipJob *bucket.ManualJob
	// Warnings are for the log: things that work but should not stay so.
	Warnings []problem.Problem

	// InPod is true in a pod of Kubernetes.
	InPod bool

	// uriFromFile is true where the connection string is that of URIFile.
	uriFromFile bool

	sources map[string]value
	start   time.Time
	// kubernetes is true in a pod, and for a Job's name from anywhere: schedules are those of CronJobs there.
	kubernetes bool
	// notScheduled says why the Job's name is not believed.
	notScheduled string
}

// table is every setting, in the order of the reference.
var table = slices.Concat(storeSettings, keySettings, podSettings, timingSettings, waitSettings, lossSettings, kubeSettings, viewSettings)

var storeSettings = []setting{
	{
		name: "config", commands: every, placeholder: "file", field: func(s *Settings) any { return &s.Config },
		usage: "YAML file with settings",
	},
	{
		name: "uri", commands: store, placeholder: "uri", field: func(s *Settings) any { return &s.URI },
		usage: "connection string of MongoDB; one with a password only as a variable or in a file",
	},
	{
		name: "uri-file", commands: store, placeholder: "file", field: func(s *Settings) any { return &s.URIFile },
		usage: "file with the connection string and nothing else",
	},
	{
		name: "database", commands: store, fallback: "mongolock", field: func(s *Settings) any { return &s.Database }, check: databaseName,
		usage: "database of the lock collection",
	},
	{
		name: "collection", commands: store, fallback: "lock", field: func(s *Settings) any { return &s.Collection }, check: collectionName,
		usage: "lock collection",
	},
	{
		name: "tls-ca-file", commands: store, placeholder: "file", field: func(s *Settings) any { return &s.TLSCAFile },
		usage: "PEM file with the certificate authorities that sign the database's certificate, instead of the system's",
	},
	{
		name: "expect-store", commands: store, placeholder: "fingerprint", field: func(s *Settings) any { return &s.ExpectStore },
		usage: "fail unless the store has this fingerprint (status and the log show it)",
	},
}

var keySettings = []setting{
	{
		name: "key", commands: keyed, placeholder: "template", field: func(s *Settings) any { return &s.Key },
		usage: "what is locked: text with {{.Namespace}}, {{.Job}}, {{.Name}}, {{.Index}}, {{.Cluster}} and, at its end, {{.Bucket}} (default <namespace>/<job>@<bucket>, without bucket <namespace>/<name>)",
	},
	{
		name: "bucket", commands: keyed, fallback: "auto", placeholder: "rule", field: func(s *Settings) any { return &s.Bucket },
		usage: `run once per time slot: auto (the scheduled minute of a CronJob, elsewhere none), none, 15m, 1h, 1d, 7d, or cron:"0 3 * * *" (the last tick before the start)`,
	},
	{
		name: "timezone", commands: keyed, placeholder: "zone", field: func(s *Settings) any { return &s.Timezone },
		usage: "IANA time zone of days and schedules (default cron's: CRON_TZ, TZ or /etc/localtime; in a pod UTC for hours, and required for days and schedules); bucket ids are always UTC",
	},
	{
		name: "namespace", commands: keyed, field: func(s *Settings) any { return &s.Namespace },
		usage: "namespace in the key (default POD_NAMESPACE, or the service account's, in a pod)",
	},
	{
		name: "job", commands: keyed, field: func(s *Settings) any { return &s.Job },
		usage: "name of the job in the key (default the CronJob's name, in its pods)",
	},
	{
		name: "name", commands: keyed, field: func(s *Settings) any { return &s.Name },
		usage: "name of the workload in the key",
	},
	{
		name: "manual", commands: keyed, fallback: string(bucket.RefuseManual), field: func(s *Settings) any { return &s.Manual },
		oneOf: []string{string(bucket.RunManual), string(bucket.SkipManual), string(bucket.RefuseManual)},
		usage: "what to do in a Job that was created by hand and so has no scheduled minute: run it under a key without a bucket, skip it with exit code 0 (run only), or refuse it with exit code 64",
	},
	{
		name: "retention", commands: renewer, field: func(s *Settings) any { return &s.Retention },
		usage: "how long to keep records of finished buckets; an older bucket is skipped (default 7d, or twice starting deadline and period)",
	},
	{
		name: "starting-deadline", commands: renewer, field: func(s *Settings) any { return &s.StartingDeadline }, zero: true,
		usage: "the CronJob's startingDeadlineSeconds, to check the retention against",
	},
}

var podSettings = []setting{
	{
		name: "owner", commands: renewer, field: func(s *Settings) any { return &s.Owner },
		usage: "name of this holder, for people (default the name of the pod or the machine)",
	},
	{
		name: "cluster", commands: keyed, field: func(s *Settings) any { return &s.Cluster },
		usage: "name of this cluster, for people and for {{.Cluster}}",
	},
	{
		name: "pod", commands: renewer, field: func(s *Settings) any { return &s.Pod },
		usage: "name of the pod (default POD_NAME, in a pod)",
	},
	{
		name: "pod-uid", commands: renewer, field: func(s *Settings) any { return &s.PodUID },
		usage: "UID of the pod (default POD_UID, in a pod)",
	},
	{
		name: "node", commands: renewer, field: func(s *Settings) any { return &s.Node },
		usage: "name of the node (default NODE_NAME, in a pod)",
	},
	{
		name: "job-name", commands: keyed, field: func(s *Settings) any { return &s.JobName },
		usage: "name of the Kubernetes Job of this pod (default its label batch.kubernetes.io/job-name in the file of --pod-labels)",
	},
	{
		name: "job-uid", commands: renewer, field: func(s *Settings) any { return &s.JobUID },
		usage: "UID of that Job (default the label batch.kubernetes.io/controller-uid)",
	},
	{
		name: "completion-index", commands: keyed, field: func(s *Settings) any { return &s.CompletionIndex }, check: digits,
		usage: "index of the pod in an Indexed Job, a part of the key (default JOB_COMPLETION_INDEX, in a pod)",
	},
	{
		name: "pod-labels", commands: keyed, fallback: "/etc/podinfo/labels", placeholder: "file", field: func(s *Settings) any { return &s.PodLabels },
		usage: "file with the pod's labels, from a volume of the downward API",
	},
}

var timingSettings = []setting{
	{
		name: "ttl", commands: renewer, fallback: "30s", field: func(s *Settings) any { return &s.TTL },
		usage: "how long a lease lives without renewal",
	},
	{
		name: "heartbeat", commands: renewer, field: func(s *Settings) any { return &s.Heartbeat },
		usage: "time between renewals (default ttl/6)",
	},
	{
		name: "operation-timeout", commands: append(slices.Clone(renewer), View, "list"),
		field: func(s *Settings) any { return &s.OperationTimeout },
		usage: "deadline of each call to the database (default ttl/5)",
	},
	{
		name: "kill-budget", commands: renewer, field: func(s *Settings) any { return &s.KillBudget },
		usage: "time reserved at the end of a lease for stopping the workload (default ttl/6)",
	},
	{
		name: "kill-after", commands: renewer, field: func(s *Settings) any { return &s.KillAfter },
		usage: "time from SIGTERM to SIGKILL when the lock is lost (default ¾ of the kill budget, which is the maximum)",
	},
	{
		name: "grace", commands: renewer, field: func(s *Settings) any { return &s.Grace },
		usage: "time that challengers wait beyond the ttl (default ttl/6)",
	},
	{
		name: "allow-short-ttl", commands: renewer, fallback: "false", field: func(s *Settings) any { return &s.AllowShortTTL },
		usage: "accept a ttl below 5s, for tests: an election of the database outlasts such leases",
	},
}

var waitSettings = []setting{
	{
		name: "timeout", commands: renewer, fallback: "0s", field: func(s *Settings) any { return &s.Timeout }, zero: true,
		usage: "how long to wait for the lock before giving up with exit code 75; 0s waits without limit",
	},
	{
		name: "try", commands: waiter, fallback: "false", field: func(s *Settings) any { return &s.Try },
		usage: "look once: exit with code 77 if the lock is held, instead of waiting. Only a gate that waits replaces a dead holder",
	},
	{
		name: "if-held", commands: waiter, oneOf: []string{Wait, Skip}, field: func(s *Settings) any { return &s.IfHeld },
		usage: "when the lock is held elsewhere: wait until it is free or the run is done, or skip the run once the holder was seen to renew (default skip in a Kubernetes Job, which Kubernetes retries, and with --fail-if-held; elsewhere wait)",
	},
	{
		name: "fail-if-held", commands: waiter, fallback: "false", field: func(s *Settings) any { return &s.FailIfHeld },
		usage: "exit with code 77 instead of 0 when the run is skipped or already done; without a bucket, when the lock is held elsewhere",
	},
	{
		name: "on-failure", commands: waiter, fallback: Release, oneOf: []string{Release, Hold}, field: func(s *Settings) any { return &s.OnFailure },
		usage: "after a failed run with a bucket: release it to the others, or hold it so that only the same Job retries it",
	},
	{
		name: "no-overlap", commands: waiter, fallback: "false", field: func(s *Settings) any { return &s.NoOverlap },
		usage: "with a bucket: never overlap the previous run (the run also holds the job's key without the bucket)",
	},
	{
		name: "poll-interval", commands: renewer, field: func(s *Settings) any { return &s.PollInterval },
		usage: "time between looks while waiting (default ttl/6, at most 5s)",
	},
	{
		name: "change-stream", commands: renewer, fallback: "true", field: func(s *Settings) any { return &s.ChangeStream },
		usage: "let a change stream end the wait early, where the database supports it",
	},
}

var lossSettings = []setting{
	{
		name: "protection", commands: stopper, fallback: Sentinel, oneOf: sidecarProtections, field: func(s *Settings) any { return &s.Protection },
		usage: protectionUsage(),
	},
	{
		name: "also", commands: stopper, oneOf: alsoProtections, placeholder: "list", field: func(s *Settings) any { return &s.Also },
		usage: "protections in addition to --protection, separated by commas",
	},
	{
		name: "sentinel", commands: stopper, placeholder: "file", field: func(s *Settings) any { return &s.Sentinel },
		usage: "file written when the lock is lost (default the file lost in the key's state directory)",
	},
	{
		name: "spare", commands: stopper, placeholder: "list", field: func(s *Settings) any { return &s.Spare }, check: programs,
		usage: "programs, separated by commas, such as pilot-agent: a container of the shared process namespace whose first program is one of them is not part of the workload (by trust; a container that can get a variable is spared by MONGOGATE_SPARED=true)",
	},
	{
		name: "scan-interval", commands: stopper, fallback: "100ms", field: func(s *Settings) any { return &s.ScanInterval },
		usage: "time between looks for processes that the protection kill has to stop",
	},
	{
		name: "state-dir", commands: stateful, placeholder: "directory", field: func(s *Settings) any { return &s.StateDir }, check: absolute,
		usage: "directory for lease files and locks, memory-backed and never on a network (default /run/mongogate; without root outside a pod $XDG_RUNTIME_DIR/mongogate or /tmp/mongogate-UID)",
	},
	{
		name: "follow", commands: waiter, fallback: "false", field: func(s *Settings) any { return &s.Follow },
		usage: "run under the lease of a sidecar with the same state directory instead of a lock of its own",
	},
	{
		name: "wait-tree", commands: waiter, fallback: "false", field: func(s *Settings) any { return &s.WaitTree },
		usage: "wait for background processes of the command instead of stopping them",
	},
	{
		name: "stop-signal", commands: renewer, fallback: Any, placeholder: "list", field: func(s *Settings) any { return &s.StopSignal }, check: stopSignals,
		usage: "which signals ask the gate to stop, besides SIGTERM, SIGINT, SIGHUP and SIGQUIT: they end waiting, and a run that got one has not succeeded; any (every signal that may be the stop signal of an image or a unit), none, or names such as SIGUSR1,SIGRTMIN+3",
	},
	{
		name: "isolation", commands: waiter, fallback: Auto, oneOf: []string{Auto, None, Signals, PIDs}, field: func(s *Settings) any { return &s.Isolation },
		usage: "what keeps the command from stopping or killing its gate: signals (the command can signal only processes that it started, by Landlock, Linux 6.12), pids (a process namespace of its own), none; auto is signals in a pod where the kernel supports it, and none elsewhere, because jobs send signals to services",
	},
	{
		name: "on-loss", commands: []string{"sidecar", "run", "doctor"}, fallback: Exit, oneOf: []string{Exit, Wait}, field: func(s *Settings) any { return &s.OnLoss },
		usage: "after a loss, once the workload has stopped: exit with code 88, or wait for the lock again",
	},
	{
		name: "idle-release", commands: stopper, field: func(s *Settings) any { return &s.IdleRelease },
		usage: "how long a sidecar keeps the lock while its follower does not run (default 4 × ttl); for --protection follow",
	},
}

var kubeSettings = []setting{
	{
		name: "kube-events", commands: renewer, fallback: "false", field: func(s *Settings) any { return &s.KubeEvents },
		usage: "write Events to the pod when the gate waits for, acquires, takes over, loses or releases the lock, and also to the Job when a run is skipped (right: create events)",
	},
	{
		name: "kube-label", commands: []string{"sidecar", "run", "doctor"}, placeholder: "label", field: func(s *Settings) any { return &s.KubeLabel }, check: labelKey,
		usage: "label on the pod, with the value true, while it holds the lock, such as mongogate.dev/holder, for Services to select by; it only routes and protects nothing (right: patch pods)",
	},
	{
		name: "kube-owner", commands: []string{"run", "doctor"}, fallback: "false", field: func(s *Settings) any { return &s.KubeOwner },
		usage: "trust the scheduled minute in the Job's name only if the Kubernetes API says that a CronJob owns the Job; otherwise treat the Job as created by hand (right: get jobs)",
	},
	{
		name: "kube-evidence", commands: stopper, fallback: "false", field: func(s *Settings) any { return &s.KubeEvidence },
		usage: "release once the pod's own status shows every main container terminated for good (right: get pods)",
	},
}

var viewSettings = []setting{
	{
		name: "probe-address", commands: probed, placeholder: "address", field: func(s *Settings) any { return &s.ProbeAddress }, check: address,
		usage: "where to answer probes: host:port, unix:/path or none (default unix:STATE-DIR/probe.sock for sidecar and probe, none for run)",
	},
	{
		name: "metrics-address", commands: []string{"sidecar", "run", "doctor"}, fallback: None, placeholder: "address", field: func(s *Settings) any { return &s.MetricsAddress }, check: address,
		usage: "where to serve Prometheus metrics: host:port, unix:/path or none",
	},
	{
		name: "readiness", commands: []string{"sidecar", "run", "doctor"}, fallback: Holder, oneOf: []string{Holder, Candidate}, field: func(s *Settings) any { return &s.Readiness },
		usage: "who is ready: only the holder or, under run, a waiting gate as well",
	},
	{
		name: "log-level", commands: renewer, fallback: "info", oneOf: []string{"debug", "info", "warn", "error"}, field: func(s *Settings) any { return &s.LogLevel },
		usage: "minimum log level",
	},
	{
		name: "log-format", commands: renewer, fallback: "auto", oneOf: []string{"auto", "json", "text"}, field: func(s *Settings) any { return &s.LogFormat },
		usage: "format of the log on stderr; auto is json in a pod and text elsewhere",
	},
	{
		name: "output", short: "o", commands: people, fallback: "table", oneOf: []string{"table", "json", "yaml"}, field: func(s *Settings) any { return &s.Output },
		usage: "output format",
	},
}
