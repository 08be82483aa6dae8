//go:build linux

package main

import "strings"

const (
	goodURI = "mongodb://u:" + canary + "@127.0.0.1:1/"
)

// gated is a command line of run with flags.
func gated(flags ...string) []string {
	return append(append([]string{"run"}, flags...), "--", "echo", "ran")
}

func sidecar(flags ...string) []string { return append([]string{"sidecar"}, flags...) }

func withURI(uri string) []string { return []string{"MONGOGATE_URI=" + uri} }

var wrongs = []wrong{
	// The command line.
	{why: "no such command", args: []string{"runn"}, lines: []string{"there is no command"}},
	{why: "no such command, nothing near", args: []string{"frobnicate"}, lines: []string{"there is no command"}},
	{why: "a connection string as command", args: []string{goodURI}, lines: []string{"there is no such command…command line)…; see mongogate --help"}},
	{why: "a flag of no command", args: []string{"--ttl", "3s"}, lines: []string{"ttl: not a flag of mongogate…command line)…; leave it out, it is one of sidecar, init,"}},
	{why: "nothing to run", args: []string{"run"}, lines: []string{"arguments: there is no command to run…command line)…; write it after two dashes: mongogate run"}},
	{why: "nothing after the dashes", args: []string{"run", "--"}, lines: []string{"arguments: there is no command to run…command line)…; write it after two dashes: mongogate run"}},
	{why: "command without dashes", args: []string{"run", "echo", "ran"}, lines: []string{"arguments: 2 words, and none after two dashes: there is no command to run…command line)…; write it after two dashes: mongogate run"}},
	{why: "word before the dashes", args: []string{"run", "now", "--", "echo"}, lines: []string{"arguments: 1 word before the two dashes, where only flags stand…command line)…; write it after two dashes: mongogate run"}},
	{why: "command for a sidecar", args: []string{"sidecar", "--", "echo"}, lines: []string{"arguments: 1 given, want 0…command line)…; write mongogate sidecar [flags]"}},
	{why: "command for init", args: []string{"init", "echo"}, lines: []string{"arguments: 1 given, want 0…command line)…; write mongogate init [flags]"}},
	{why: "no directory", args: []string{"install"}, lines: []string{"arguments: 0 given, want 1…command line)…; write mongogate install DIRECTORY [flags]"}},
	{why: "two directories", args: []string{"install", "/a", "/b"}, lines: []string{"arguments: 2 given, want 1…command line)…; write mongogate install DIRECTORY [flags]"}},
	{why: "flag of install", args: []string{"install", "--force", "/a"}, lines: []string{"there is no flag --force…command line)…; see --help"}},
	{why: "no question", args: []string{"probe"}, lines: []string{"arguments: the probe is missing, or is none of startup, ready, live…command line)…; write mongogate probe startup|ready|live"}},
	{why: "no such question", args: []string{"probe", "steady"}, lines: []string{"arguments: the probe is missing, or is none of startup, ready, live…command line)…; write mongogate probe startup|ready|live"}},
	{why: "two questions", args: []string{"probe", "live", "ready"}, lines: []string{"arguments: the probe is missing, or is none of startup, ready, live…command line)…; write mongogate probe startup|ready|live"}},
	{why: "probe of nothing", args: []string{"probe", "--", "true"}, lines: []string{"arguments: the probe is missing, or is none of startup, ready, live…command line)…; write mongogate probe startup|ready|live"}},
	{why: "two keys", args: []string{"show", "a", "b"}, lines: []string{"arguments: 2 given, want one key at most…command line)…; write mongogate show [KEY] [flags]"}},
	{why: "two prefixes", args: []string{"list", "a", "b"}, lines: []string{"arguments: 2 given, want one key at most…command line)…; write mongogate list [PREFIX] [flags]"}},
	{why: "key for doctor", args: []string{"doctor", "k"}, lines: []string{"arguments: 1 given, want 0…command line)…; write mongogate doctor [flags]"}},
	{why: "argument of version", args: []string{"version", "1"}, lines: []string{"arguments: 1 given, want 0…command line)…; write mongogate version [flags]"}},
	{why: "unknown shell", args: []string{"completion", "tcsh"}, lines: []string{"arguments: no such shell…command line)…; write mongogate completion bash, zsh, fish"}},
	{why: "shell and more", args: []string{"completion", "bash", "x"}, lines: []string{"arguments: 1 given, want 0…command line)…; write mongogate completion bash"}},
	{why: "help on nothing", args: []string{"help", goodURI}, lines: []string{"there is no such command…command line)…; see mongogate --help"}},
	{why: "now without yes", args: []string{"force-release", "--now"}, lines: []string{"now: two holders may run at once until the old one learns of it…command line)…; add --yes if that is meant"}},
	{why: "unknown flag", args: gated("--killbudget=3s"), lines: []string{"there is no flag --killbudget…command line)…; did you mean --kill-budget?"}},
	{why: "unknown flag, nothing near", args: gated("--frobnicate"), lines: []string{"there is no flag --frobnicate…command line)…; see --help"}},
	{why: "unknown letter", args: gated("-x"), lines: []string{"there is no flag of the letter x (from command line); write long names…; see --help"}},
	{why: "flag of another command", args: gated("--output=json"), lines: []string{"output: not a flag of run…command line)…; leave it out, it is one of show, list,"}},
	{why: "protection of run", args: gated("--protection=kill"), lines: []string{"protection: not a flag of run…command line)…; leave it out, it is one of sidecar, doctor"}},
	{why: "flag without value", args: []string{"list", "--collection"}, lines: []string{"collection: the flag needs a value…command line)…; write --collection=VALUE"}},
	{why: "empty flag", args: gated("--owner="), lines: []string{"owner: the flag is empty…flag --owner)…; give a value, or leave the flag out"}},
	{why: "flag without name", args: gated("--=x"), lines: []string{"a flag has no name…command line)…; write --NAME=VALUE"}},
	{why: "connection string as flag", args: gated("--" + goodURI), lines: []string{"there is no flag of a name that is not shown, for it has other signs…command line)…; see --help"}},
	{why: "no bool", args: []string{"force-release", "--now=perhaps"}, lines: []string{"now: not a value of the type bool…command line)…; see --help"}},

	// Values of flags.
	{why: "no duration", args: gated("--ttl=soon"), lines: []string{`ttl: "soon": not a duration…flag --ttl)…; give a number with a unit, such as 500ms,`}},
	{why: "no unit", args: gated("--ttl=30"), lines: []string{`ttl: "30": a number without a unit…flag --ttl)…; give a number with a unit, such as 500ms,`}},
	{why: "negative", args: gated("--grace=-1s"), lines: []string{`grace: "-1s": it is negative…flag --grace)…; give a number with a unit, such as 500ms,`}},
	{why: "zero", args: gated("--heartbeat=0s"), lines: []string{`heartbeat: "0s": it has to be more than zero…flag --heartbeat)…; give a number with a unit, such as 500ms,`}},
	{why: "too long", args: gated("--ttl=99999h"), lines: []string{`ttl: "99999h": it is longer than ten years…flag --ttl)…; give a number with a unit, such as 500ms,`}},
	{why: "no word", args: gated("--if-held=maybe"), lines: []string{`if-held: "maybe": not one of the words that are possible…flag --if-held)…; give wait or skip`}},
	{why: "no bool value", args: gated("--no-overlap=yes"), lines: []string{`no-overlap: "yes": neither true nor false…flag --no-overlap)…; give true or false`}},
	{why: "no protection", args: sidecar("--protection=die"), lines: []string{`protection: "die": not one of the words that are possible…flag --protection)…; give follow, kill, restart, exit or sentinel`}},
	{why: "no zone", args: gated("--timezone=Europe/Bonn"), lines: []string{`timezone: "Europe/Bonn": no such time zone…flag --timezone)…; give a name of the IANA database, such as`}},
	{why: "no address", args: gated("--metrics-address=9090"), lines: []string{`metrics-address: "9090": not an address…flag --metrics-address)…; give host:port, :port, unix:/path or none`}},
	{why: "no port", args: gated("--metrics-address=:99999"), lines: []string{`metrics-address: ":99999": the port is not a number from 1 to 65535…flag --metrics-address)…; give host:port, :port, unix:/path or none`}},
	{why: "relative socket", args: sidecar("--probe-address=unix:probe.sock"), lines: []string{`probe-address: "unix:probe.sock": the path of a socket has to be absolute…flag --probe-address)…; give host:port, :port, unix:/path or none`}},
	{why: "relative state directory", args: gated("--state-dir=state"), lines: []string{`state-dir: "state": not an absolute path…flag --state-dir)…; begin it with /`}},
	{why: "no index", args: gated("--completion-index=first"), lines: []string{`completion-index: "first": not a whole number…flag --completion-index)…; give the number that Kubernetes gave the`}},
	{why: "control character", args: gated("--name=a\nb"), lines: []string{`name: "a\nb": it contains a control character…flag --name)…; take it out`}},
	{why: "no format", args: []string{"list", "-o", "csv"}, lines: []string{`output: "csv": not one of the words that are possible…flag --output)…; give table, json or yaml`}},
	{why: "no level", args: gated("--log-level=loud"), lines: []string{`log-level: "loud": not one of the words that are possible…flag --log-level)…; give debug, info, warn or error`}},
	{why: "no database", args: gated("--database=my.locks"), lines: []string{`database: "my.locks": a database's name cannot contain any of /\. "$*<>:|?…flag --database)…; take it out`}},
	{why: "connection string as database", args: gated("--database=" + goodURI), lines: []string{`database: [redacted]: a database's name cannot contain any of /\. "$*<>:|?…flag --database)…; take it out`}},
	{why: "database of the server", args: gated("--database=admin"), lines: []string{`database: "admin": this database belongs to MongoDB itself…flag --database)…; name another, such as mongolock`}},
	{why: "no collection", args: gated("--collection=lo$ck"), lines: []string{`collection: "lo$ck": a collection's name cannot contain $…flag --collection)…; take it out`}},
	{why: "collection of the server", args: gated("--collection=system.lock"), lines: []string{`collection: "system.lock": collections that begin with system. belong…flag --collection)…; name another, such as lock`}},

	// Sums.
	{why: "heartbeat too long", args: gated("--ttl=10s", "--heartbeat=9s"), lines: []string{`ttl: "10s": heartbeat 9s + 2 × operation timeout 2s = 13s > ttl 10s…; give --ttl 22s or more, or lower --heartbeat, which can be left out`}},
	{why: "operations too long", args: gated("--ttl=10s", "--operation-timeout=4s"), lines: []string{`ttl: "10s": heartbeat …s + 2 × operation timeout 4s = …s…; give --ttl …s or more, or lower --operation-timeout, which can be left out`}},
	{why: "kill after too late", args: gated("--kill-budget=4s", "--kill-after=3900ms"), lines: []string{`kill-after: "3900ms": kill after 3.9s > ¾ × kill budget 4s = 3s: the workload…; lower --kill-after, or raise --kill-budget or --ttl`}},
	{why: "kill budget eats the lease", args: gated("--ttl=10s", "--kill-budget=9s"), lines: []string{`ttl: "10s": heartbeat …s + 2 × operation timeout 2s = …s…; give --ttl …s or more, or lower --kill-budget, which can be left out`}},
	{why: "empty command", args: []string{"run", "--key=k", "--", ""}, lines: []string{`arguments: the command is empty…; write it after two dashes: mongogate run`}},
	{why: "short poll", args: gated("--poll-interval=2ms"), lines: []string{`poll-interval: "2ms": too frequent: the database…; give 10ms or more, or leave it out`}},
	{why: "very short poll", args: gated("--poll-interval=1ns"), lines: []string{`poll-interval: "1ns": it is shorter than a millisecond…; give 10ms or more`}},
	{why: "short waiting", args: gated("--timeout=1ms"), lines: []string{`timeout: "1ms": no call to the database is that short…; give 1s or more, or look once with --try`}},
	{why: "a look that waits", args: gated("--try", "--timeout=5s"), lines: []string{`try: "true": timeout is given as well: one look does not wait…; leave one of them out`}},
	{why: "short ttl", args: gated("--ttl=2s"), lines: []string{`ttl: "2s": ttl 2s < 5s: an election of the database would outlast…; give --ttl 30s, or at least 5s; --allow-short-ttl is for tests`}},
	{why: "restart in a hurry", args: sidecar("--protection=restart"), lines: []string{`protection: "restart": restart with a kill budget of 5s: the kubelet takes…flag --protection)…; give --kill-budget at least 7s, or --ttl`}},
	{why: "restart and exit", args: sidecar("--protection=restart", "--also=exit", "--ttl=60s"), lines: []string{`also: "exit": restart and exit are both given…flag --also)…; leave exit out: restart ends the gate as well`}},
	{why: "candidate sidecar", args: sidecar("--readiness=candidate"), lines: []string{`readiness: "candidate": a sidecar that waits is never ready: the main…flag --readiness)…; give holder, or protect the workload with run`}},
	{why: "retention", args: gated("--bucket=1d", "--retention=12h", "--starting-deadline=1h"), lines: []string{`retention: "12h0m0s": retention 12h0m0s < starting deadline 1h0m0s…flag --retention)…; give at least 25h0m0s`}},

	// Keys.
	{why: "no key", env: []string{"MONGOGATE_KEY="}, args: gated(), lines: []string{
		"namespace: not set, and the default key needs it…; give --namespace, or a whole key with --key",
		"name: not set, and the default key needs it…; give --name, or a whole key with --key",
	}},
	{why: "no key to show", env: []string{"MONGOGATE_KEY="}, args: []string{"show"}, lines: []string{`key: no lock is named…; write mongogate show KEY; mongogate list shows the keys`}},
	{why: "half a key to show", env: []string{"MONGOGATE_KEY="}, args: []string{"show", "--namespace=team"}, lines: []string{"name: not set, and the default key needs it…; give --name, or a whole key with --key"}},
	{why: "no key to force", env: []string{"MONGOGATE_KEY="}, args: []string{"force-release"}, lines: []string{`key: no lock is named…; write mongogate force-release KEY; mongogate list shows the keys`}},
	{why: "unknown field", args: gated("--key=x-{{.Pod}}"), lines: []string{`key: "x-{{.Pod}}": there is no field .Pod…flag --key)…; the fields are .Namespace, .Job, .Name, .Bucket,`}},
	{why: "no template", args: gated("--key=x-{{.Job"), lines: []string{`key: "x-{{.Job": not a template: unclosed action…flag --key)…; write it like reports-{{.Bucket}}`}},
	{why: "no bucket in the rule", args: gated("--key=x-{{.Bucket}}"), lines: []string{`bucket: "auto": the key names {{.Bucket}}, but there are no buckets…; give none, a time that divides a day or is`}},
	{why: "reserved key", args: gated("--key=.mongogate"), lines: []string{`key: ".mongogate": keys that begin with .mongogate are Mongogate's own…flag --key)…; begin it with something else`}},
	{why: "reserved key to show", args: []string{"show", ".mongogate.store"}, lines: []string{`key: ".mongogate.store": keys that begin with .mongogate are reserved…command line)…; name one that mongogate list shows`}},
	{why: "reserved key to force", args: []string{"force-release", ".mongogate.store", "--now", "--yes"}, lines: []string{`key: ".mongogate.store": keys that begin with .mongogate are reserved…command line)…; name one that mongogate list shows`}},
	{why: "empty key", args: []string{"show", ""}, lines: []string{`key: "": empty: want 1 to 1000 bytes…command line)…; name one that mongogate list shows`}},
	{why: "long key", args: gated("--key=" + strings.Repeat("k", 1025)), lines: []string{`key: "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…":…flag --key)…; shorten it`}},
	{why: "long key to show", args: []string{"show", strings.Repeat("k", 1025)}, lines: []string{"key: 1025 bytes: want 1 to 1000…command line)…; name one that mongogate list shows"}},
	{why: "key with a blank", args: gated("--key= k"), lines: []string{`key: " k": it begins or ends with a blank…flag --key)…; take the blanks off`}},
	{why: "slash in a name", env: []string{"MONGOGATE_KEY="}, args: gated("--namespace=n", "--name=a/b"), lines: []string{`name: "a/b": contains '/', which separates the parts of a key…flag --name)…; leave it out, or spell the key out with --key`}},
	{why: "no bucket rule", args: gated("--bucket=7h"), lines: []string{`bucket: "7h": 7h does not divide a day, so its buckets would begin…flag --bucket)…; give none, a time that divides a day or is`}},
	{why: "@every", args: gated("--bucket=cron:@every 1h"), lines: []string{"bucket: [redacted]: not a schedule: @every counts from the start of…flag --bucket)…; give none, a time that divides a day or is"}},
	{why: "30 February", args: gated(`--bucket=cron:"0 0 30 2 *"`), lines: []string{`bucket: "cron:\"0 0 30 2 *\"": the schedule never fires: no date matches…flag --bucket)…; give none, a time that divides a day or is`}},
	{why: "made by hand", args: gated("--job-name=reports-test"), lines: []string{`job-name: "reports-test": this Job carries no scheduled minute, so…flag --job-name)…; give --manual run to run it without a bucket,`}},
	{why: "made by hand, skipped by a sidecar", args: sidecar("--job-name=reports-test", "--manual=skip"), lines: []string{
		`manual: "skip": skip is for run only: no exit code of sidecar ends…flag --manual)…; protect the workload with run, or give run`,
		`job-name: "reports-test": this Job carries no scheduled minute, so…flag --job-name)…; give --manual run to run it without a bucket,`,
	}},
	{why: "gate in a gate", env: []string{"MONGOGATE_HELD=k"}, args: gated("--key=k"), lines: []string{`key: "k": this command already runs under a lock of this key, and…flag --key)…; give the inner command a key of its own,`}},

	// Variables.
	{why: "unknown variable", env: []string{"MONGOGATE_KILLBUDGET=3s"}, args: gated(), lines: []string{"no setting has the variable MONGOGATE_KILLBUDGET…environment)…; did you mean MONGOGATE_KILL_BUDGET?"}},
	{why: "password as variable", env: []string{"MONGOGATE_PASSWORD=" + canary}, args: gated(), lines: []string{"no setting has the variable MONGOGATE_PASSWORD…environment)…; unset it, names that begin with MONGOGATE_"}},
	{why: "variable of an odd name", env: []string{"MONGOGATE_" + canary + "@=x"}, args: gated(), lines: []string{"no setting has the variable a name that is not shown, for it has other…environment)…; unset it, names that begin with MONGOGATE_"}},
	{why: "wrong variable", env: []string{"MONGOGATE_TTL=30"}, args: gated(), lines: []string{`ttl: "30": a number without a unit…variable MONGOGATE_TTL)…; give a number with a unit, such as 500ms,`}},

	// Files.
	{why: "no such file", args: gated("--config=/none.yaml"), lines: []string{`config: "/none.yaml": there is no such file…flag --config)…; give the path of a file that exists`}},
	{why: "directory as file", args: gated("--config=/"), lines: []string{`config: "/": the file cannot be read: is a directory…flag --config)…; give the path of a file`}},
	{why: "connection string as file", args: gated("--config=" + goodURI), lines: []string{"config: [redacted]: this is no name of a file…flag --config)…; give a path"}},
	{why: "no YAML", yaml: "ttl: 30s\n\turi: " + canary, args: gated(), lines: []string{"config: the file is not YAML…gate.yaml:2)…; write lines like ttl: 30s, without tabs,"}},
	{why: "unknown key in the file", yaml: "ttl: 30s\nkillbudget: 3s", args: gated(), lines: []string{"no setting has the key killbudget…gate.yaml:2)…; did you mean killBudget?"}},
	{why: "flag as key", yaml: "kill-budget: 3s", args: gated(), lines: []string{"no setting has the key kill-budget…gate.yaml:1)…; in a file it is written killBudget"}},
	{why: "given twice", yaml: "ttl: 30s\nttl: 40s", args: gated(), lines: []string{"ttl: given twice, first in line 1…gate.yaml:2)…; leave one of them out"}},
	{why: "no value in the file", yaml: "ttl:", args: gated(), lines: []string{"ttl: it has no value…gate.yaml:1)…; give one, or leave the key out"}},
	{why: "a mapping", yaml: "uri: {user: u, password: " + canary + "}", args: gated(), lines: []string{"uri: not a plain value…gate.yaml:1)…; write uri: VALUE on one line"}},
	{why: "a word", yaml: canary, args: gated(), lines: []string{"config: the file is not a mapping of settings…gate.yaml:1)…; write lines like ttl: 30s"}},
	{why: "two documents", yaml: "ttl: 30s\n---\nuri: " + canary, args: gated(), lines: []string{"config: the file has a second document…gate.yaml:2)…; leave one document in it"}},
	{why: "wrong value in the file", yaml: "ttl: 30", args: gated(), lines: []string{`ttl: "30": a number without a unit…gate.yaml:1)…; give a number with a unit, such as 500ms,`}},

	// Connection strings.
	{why: "none", env: withURI(""), args: gated(), lines: []string{"uri: not set…; give MONGOGATE_URI or --uri-file, such as"}},
	{why: "none for people", env: withURI(""), args: []string{"list"}, lines: []string{"uri: not set…; give MONGOGATE_URI or --uri-file, such as"}},
	{why: "password in a flag", env: withURI(""), args: gated("--uri=" + goodURI), lines: []string{"uri: [redacted]: a password in a flag can be read by every user of the machine…flag --uri)…; give it as MONGOGATE_URI, with --uri-file"}},
	{why: "no scheme", env: withURI("u:" + canary + "@h"), args: gated(), lines: []string{`uri: [redacted]: error parsing uri: scheme must be "mongodb" or "mongodb+srv"…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`}},
	{why: "other scheme", env: withURI("http://u:" + canary + "@h/"), args: gated(), lines: []string{`uri: [redacted]: error parsing uri: scheme must be "mongodb" or "mongodb+srv"…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`}},
	{why: "no host", env: withURI("mongodb://u:" + canary + "@/"), args: gated(), lines: []string{"uri: [redacted]: error parsing uri: must have at least 1 host…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,"}},
	{why: "cut short", env: withURI("mongodb://u:" + canary), args: gated(), lines: []string{`uri: [redacted]: error parsing uri: invalid host "": port must be…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`}},
	{why: "signs not escaped", env: withURI("mongodb://u:" + canary + "/x@y@h:1/"), args: gated(), lines: []string{"uri: [redacted]: its user name, password or a secret option is not…variable MONGOGATE_URI)…; in them, write % as %25"}},
	{why: "percent not escaped", env: withURI("mongodb://u:" + canary + "%@h:1/"), args: gated(), lines: []string{"uri: [redacted]: its user name, password or a secret option is not…variable MONGOGATE_URI)…; in them, write % as %25"}},
	{why: "no port number", env: withURI("mongodb://u:" + canary + "@h:port/"), args: gated(), lines: []string{`uri: [redacted]: error parsing uri: invalid host "": port must be…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`}},
	{why: "weak write concern", env: withURI(goodURI + "?w=1"), args: gated(), lines: []string{"uri: [redacted]: w=1: a lock needs w=majority…variable MONGOGATE_URI)…; leave w out"}},
	{why: "no journal", env: withURI(goodURI + "?journal=false&w=0"), args: gated(), lines: []string{
		"uri: [redacted]: w=0: a lock needs w=majority…variable MONGOGATE_URI)…; leave w out",
		"uri: [redacted]: journal=false: a lock needs the journal…variable MONGOGATE_URI)…; leave it out",
	}},
	{why: "wrong option", env: withURI(goodURI + "?tls=perhaps"), args: gated(), lines: []string{`uri: [redacted]: error parsing uri: invalid value for "tls": "perhaps"…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`}},
	{why: "secret option", env: withURI("mongodb://h/?tlsCertificateKeyFilePassword=" + canary + "&tlsCertificateKeyFile=/none"), args: gated(), lines: []string{"uri: [redacted]: open /none: no such file or directory…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,"}},
	{why: "unknown mechanism", env: withURI(goodURI + "?authMechanism=" + canary), args: gated(), lines: []string{"uri: [redacted]: error parsing uri: invalid auth mechanism…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,"}},
	{why: "no CA file", env: withURI(goodURI + "?tls=true&tlsCAFile=/none.pem"), args: gated(), lines: []string{"uri: [redacted]: open /none.pem: no such file or directory…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,"}},
	{why: "two ways to the string", env: []string{"MONGOGATE_URI_FILE=/none"}, args: gated(), lines: []string{`uri-file: "/none": both this and uri are given by variables…variable MONGOGATE_URI_FILE)…; leave one of them out`}},
	{why: "no such file for it", env: []string{"MONGOGATE_URI=", "MONGOGATE_URI_FILE=/none"}, args: gated(), lines: []string{`uri-file: "/none": there is no such file…variable MONGOGATE_URI_FILE)…; give the path of a file that exists`}},
	{why: "the string for its file", env: []string{"MONGOGATE_URI=", "MONGOGATE_URI_FILE=" + goodURI}, args: gated(), lines: []string{"uri-file: [redacted]: this is no name of a file…variable MONGOGATE_URI_FILE)…; give a path"}},
	{why: "for people, too", env: withURI(goodURI + "?w=2"), args: []string{"doctor"}, lines: []string{"uri: [redacted]: w=2: a lock needs w=majority…variable MONGOGATE_URI)…; leave w out"}},

	// All at once.
	{
		why: "all at once", args: []string{"run", "--ttl=30", "--if-held=maybe"}, env: []string{"MONGOGATE_URI=mongodb://u:" + canary, "MONGOGATE_KILBUDGET=3s", "MONGOGATE_KEY="},
		yaml: "heartbeet: 3s\ncollection: a$b\n", lines: []string{
			"arguments: there is no command to run…command line)…; write it after two dashes: mongogate run",
			"no setting has the variable MONGOGATE_KILBUDGET…environment)…; did you mean MONGOGATE_KILL_BUDGET?",
			"no setting has the key heartbeet…gate.yaml:1)…; did you mean heartbeat?",
			`collection: "a$b": a collection's name cannot contain $…gate.yaml:2)…; take it out`,
			`ttl: "30": a number without a unit…flag --ttl)…; give a number with a unit, such as 500ms,`,
			`if-held: "maybe": not one of the words that are possible…flag --if-held)…; give wait or skip`,
			`uri: [redacted]: error parsing uri: invalid host "": port must be…variable MONGOGATE_URI)…; write mongodb://HOST[:PORT][,HOST…]/?OPTIONS,`,
			"namespace: not set, and the default key needs it…; give --namespace, or a whole key with --key",
			"name: not set, and the default key needs it…; give --name, or a whole key with --key",
		},
	},
}

var wrongDocuments = []wrongDocument{
	{why: "empty", doc: `{}`, run: "ran"},
	{why: "unknown format", doc: `{"locked": false, "v": 2}`, code: 69, run: `the document of lock "key1" cannot be used: v is 2, this version knows 1; nobody may take or change it`, find: "v is 2, this version knows 1"},
	{why: "format of a wrong type", doc: `{"locked": false, "v": "one"}`, code: 69, run: "cannot be used: v is a string", find: "v is a string"},
	{why: "token of a wrong type", doc: `{"locked": false, "token": "many"}`, code: 69, run: "cannot be used: token is a string, want 64-bit integer", find: "token is a string"},
	{why: "token of a fraction", doc: `{"locked": false, "token": 1.5}`, code: 69, run: "cannot be used: token is a double, want 64-bit integer", find: "token is a double"},
	{why: "nonce of a wrong type", doc: `{"locked": true, "owner": "x", "state": "held", "v": 1, "nonce": 7, "beat": 1, "ttlMs": 5000, "graceMs": 1000}`, code: 69, run: "cannot be used: nonce is a 32-bit integer, want string", find: "nonce is a"},
	{why: "beat of a wrong type", doc: `{"locked": true, "owner": "x", "state": "held", "v": 1, "nonce": "n", "beat": "one", "ttlMs": 5000, "graceMs": 1000}`, code: 69, run: "cannot be used: beat is a string, want 64-bit integer", find: "beat is a string"},
	{why: "held without numbers", doc: `{"locked": true, "owner": "x", "state": "held", "v": 1, "nonce": "n"}`, code: 75, run: "is held by x without an end", find: "held with a nonce, but beat, ttlMs or graceMs is missing or no integer: nobody may ever take it over"},
	{why: "held with a negative ttl", doc: `{"locked": true, "owner": "x", "state": "held", "v": 1, "nonce": "n", "beat": 1, "ttlMs": -1, "graceMs": 1000}`, code: 75, run: "is held by x without an end", find: "ttlMs is -1"},
	{why: "held with an endless ttl", doc: `{"locked": true, "owner": "x", "state": "held", "v": 1, "nonce": "n", "beat": 1, "ttlMs": {"$numberLong": "9223372036854775807"}, "graceMs": 1000}`, code: 75, run: "is held by x without an end", find: "ttlMs is 9223372036854775807"},
	{why: "unknown state", doc: `{"locked": true, "owner": "x", "state": "resting", "v": 1}`, code: 69, run: "cannot be used", find: `state is "resting"`},
	{why: "state of a wrong type", doc: `{"locked": true, "owner": "x", "state": 3, "v": 1}`, code: 69, run: "cannot be used: state is a 32-bit integer, want string", find: "state is a"},
	{why: "locked of a wrong type", doc: `{"locked": "yes", "owner": "x"}`, code: 69, run: "cannot be used: locked is a string, want boolean", find: "locked is a string"},
	{why: "owner of a wrong type", doc: `{"locked": true, "owner": {"name": "x"}, "expire": null}`, code: 69, run: "cannot be used: owner is an embedded document, want string", find: "owner is an embedded document"},
	{why: "owner of no type", doc: `{"locked": true, "owner": {"$undefined": true}, "expire": null}`, code: 69, run: "cannot be used: owner is an undefined, want string", find: "owner is an undefined"},
	{why: "owners", doc: `{"locked": true, "owner": ["x"], "expire": null}`, code: 69, run: "cannot be used: owner is an array, want string", find: "owner is an array"},
	{why: "owner of a date", doc: `{"locked": true, "owner": {"$date": "2026-01-01T00:00:00Z"}, "expire": null}`, code: 69, run: "cannot be used: owner is a UTC datetime, want string", find: "owner is a UTC"},
	{why: "dates of a wrong type", doc: `{"locked": true, "owner": "x", "created": "yesterday", "expire": "tomorrow"}`, code: 69, run: "cannot be used: created is a string, want UTC datetime", find: "created is a string"},
	{why: "done", doc: `{"locked": true, "owner": "x", "expire": null, "v": 1, "state": "done", "done": {"at": {"$date": "2026-01-01T00:00:00Z"}, "by": "x", "jobUID": "u", "outcome": "succeeded"}}`, code: 77, run: `"outcome": "succeeded", "by": "x", "at": "2026-01-01T00:00:00Z"`, show: "succeeded by x"},
	{why: "done without a record", doc: `{"locked": true, "owner": "x", "expire": null, "v": 1, "state": "done"}`, code: 77, run: "is done", show: "done"},
	{why: "done of a wrong type", doc: `{"locked": true, "owner": "x", "expire": null, "v": 1, "state": "done", "done": "yes"}`, code: 69, run: "cannot be used: done is a string, want embedded document", find: "done is a string"},
	{why: "history of a wrong type", doc: `{"locked": false, "history": "long"}`, run: "ran"},
	{why: "Python worker forever", doc: `{"locked": true, "owner": "worker", "created": {"$date": "2026-01-01T00:00:00Z"}, "expire": null}`, code: 75, run: "is held by worker since 2026-01-01T00:00:00Z without an end", show: "worker"},
	{why: "Python worker that has expired", doc: `{"locked": true, "owner": "worker", "created": {"$date": "2026-01-01T00:00:00Z"}, "expire": {"$date": "2026-01-01T00:01:00Z"}}`, run: "ran"},
}
