package settings

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// badInput is one wrong thing: which problem it has to become, and that no
// output shows the canary, which stands in most of them.
type badInput struct {
	why     string
	cmd     string // run
	w       world
	field   string
	message string
	remedy  string
	from    string // source; "" for any
}

func flagsOf(args ...string) world { return world{args: args, env: plain()} }
func vars(env ...string) world     { return world{env: plain(env...)} }
func file(text string) world       { return world{env: plain(), yaml: text} }
func noURI(env ...string) world    { return world{env: append([]string{"MONGOGATE_KEY=k"}, env...)} }

var badInputs = []badInput{
	// Flags.
	{why: "unknown flag", w: flagsOf("--killbudget=3s"), message: "there is no flag --killbudget", remedy: "did you mean --kill-budget?", from: "command line"},
	{why: "unknown flag, nothing near", w: flagsOf("--frobnicate"), message: "there is no flag --frobnicate", remedy: "see --help"},
	{why: "flag of another command", w: flagsOf("--output=json"), field: "output", message: "not a flag of run", remedy: "show, list"},
	{why: "flag without equals sign", w: flagsOf("--urimongodb://u:" + canary + "@h"), message: "a name that is not shown", remedy: "--help"},
	{why: "unknown letter", w: flagsOf("-p" + canary), message: "no flag of the letter p", remedy: "two dashes"},
	{why: "flag without value", w: flagsOf("--ttl"), field: "ttl", message: "needs a value", remedy: "--ttl=VALUE"},
	{why: "flag without name", w: flagsOf("--=" + canary), message: "no name", remedy: "--NAME=VALUE"},
	{why: "empty flag", w: flagsOf("--key="), field: "key", message: "the flag is empty", remedy: "leave the flag out", from: "flag --key"},
	{why: "password in a flag", w: world{args: []string{"--uri=" + goodURI, "--key=k"}}, field: "uri", message: "every user of the machine", remedy: "MONGOGATE_URI", from: "flag --uri"},
	{why: "password with an at sign in a flag", w: world{args: []string{"--uri=mongodb://u:" + canary + "@b@h/", "--key=k"}}, field: "uri", message: "every user of the machine", remedy: "--uri-file"},
	{why: "password in a flag, no scheme", w: world{args: []string{"--uri=u:" + canary + "@h", "--key=k"}}, field: "uri", message: "every user", remedy: "YAML file"},
	{why: "key file's password in a flag", w: world{args: []string{"--uri=mongodb://h/?tlsCertificateKeyFilePassword=" + canary, "--key=k"}}, field: "uri", message: "every user", remedy: "MONGOGATE_URI"},
	{why: "cloud token in a flag", w: world{args: []string{"--uri=mongodb://h/?authMechanismProperties=AWS_SESSION_TOKEN:" + canary, "--key=k"}}, field: "uri", message: "every user", remedy: "MONGOGATE_URI"},

	// Durations and other types.
	{why: "number without unit", w: flagsOf("--ttl=30"), field: "ttl", message: `"30": a number without a unit`, remedy: "30s", from: "flag --ttl"},
	{why: "no duration", w: vars("MONGOGATE_TTL=soon"), field: "ttl", message: `"soon": not a duration`, remedy: "30s", from: "variable MONGOGATE_TTL"},
	{why: "connection string as duration", w: vars("MONGOGATE_TTL=" + goodURI), field: "ttl", message: "[redacted]: not a duration", remedy: "30s"},
	{why: "password as duration", w: vars("MONGOGATE_TTL=u:" + canary + "@h"), field: "ttl", message: "[redacted]: not a duration", remedy: "30s"},
	{why: "negative", w: flagsOf("--timeout=-1s"), field: "timeout", message: "negative", remedy: "with a unit"},
	{why: "zero ttl", w: flagsOf("--ttl=0s"), field: "ttl", message: "more than zero", remedy: "leave it out"},
	{why: "zero heartbeat", w: file("heartbeat: 0s"), field: "heartbeat", message: "more than zero", remedy: "leave it out", from: "/etc/mongogate.yaml:1"},
	{why: "a century", w: flagsOf("--retention=36500d"), field: "retention", message: "ten years", remedy: "7d"},
	{why: "days that are no number", w: flagsOf("--retention=xd"), field: "retention", message: "not a duration", remedy: "7d"},
	{why: "bool", w: vars("MONGOGATE_NO_OVERLAP=yes"), field: "no-overlap", message: "neither true nor false", remedy: "give true or false"},
	{why: "bool as number", w: flagsOf("--follow=1"), field: "follow", message: "neither true nor false", remedy: "give true or false"},
	{why: "word", w: flagsOf("--if-held=fail"), field: "if-held", message: "not one of the words", remedy: "give wait or skip"},
	{why: "word in capitals", w: flagsOf("--on-failure=Hold"), field: "on-failure", message: "not one of the words", remedy: "give release or hold"},
	{why: "manual", w: flagsOf("--manual=ignore"), field: "manual", message: "not one of the words", remedy: "run, skip or refuse"},
	{why: "readiness", cmd: "sidecar", w: flagsOf("--readiness=always"), field: "readiness", message: "not one of the words", remedy: "holder or candidate"},
	{why: "protection", cmd: "sidecar", w: flagsOf("--protection=shoot"), field: "protection", message: "not one of", remedy: " or " + sidecarProtections[len(sidecarProtections)-1]},
	{why: "also", cmd: "sidecar", w: flagsOf("--also=kill,shoot"), field: "also", message: `"shoot" is not one`, remedy: "kill, restart, exit"},
	{why: "the same twice", cmd: "sidecar", w: flagsOf("--protection=kill", "--also=kill"), field: "also", message: "is the protection already", remedy: "leave it out"},
	{why: "more beside a follower", cmd: "sidecar", w: flagsOf("--protection=follow", "--also=kill"), field: "also", message: "beside a follower", remedy: "leave it out"},
	{why: "nobody who could be idle", cmd: "sidecar", w: flagsOf("--idle-release=1m"), field: "idle-release", message: "no follower", remedy: "--protection follow"},
	{why: "log level", w: vars("MONGOGATE_LOG_LEVEL=loud"), field: "log-level", message: "not one of the words", remedy: "debug, info, warn or error"},
	{why: "output", cmd: "list", w: flagsOf("-o", "csv"), field: "output", message: "not one of the words", remedy: "table, json or yaml"},
	{why: "zone", w: flagsOf("--timezone=Europe/Bonn"), field: "timezone", message: "no such time zone", remedy: "Europe/Berlin"},
	{why: "local zone", w: flagsOf("--timezone=Local"), field: "timezone", message: "machines differ", remedy: "Europe/Berlin"},
	{why: "zone outside the database", w: flagsOf("--timezone=../../etc/passwd"), field: "timezone", message: "no such time zone", remedy: "IANA"},
	{why: "address", w: flagsOf("--metrics-address=9090"), field: "metrics-address", message: "not an address", remedy: "host:port"},
	{why: "port", w: flagsOf("--metrics-address=:99999"), field: "metrics-address", message: "port is not a number", remedy: "host:port"},
	{why: "port zero", w: flagsOf("--probe-address=:0"), field: "probe-address", message: "port is not a number", remedy: "host:port"},
	{why: "relative socket", w: flagsOf("--probe-address=unix:probe.sock"), field: "probe-address", message: "has to be absolute", remedy: "unix:/path"},
	{why: "long socket", w: flagsOf("--probe-address=unix:/" + strings.Repeat("x", 110)), field: "probe-address", message: "more than 107", remedy: "shorter"},
	{why: "relative state directory", w: flagsOf("--state-dir=state"), field: "state-dir", message: "not an absolute path", remedy: "begin it with /"},
	{why: "label without prefix", w: flagsOf("--kube-label=app"), field: "kube-label", message: "pods are selected by", remedy: "mongogate.dev/holder"},
	{why: "label of Kubernetes", w: flagsOf("--kube-label=batch.kubernetes.io/job-name"), field: "kube-label", message: "belong to Kubernetes", remedy: "mongogate.dev/holder"},
	{why: "label of Kubernetes, short", w: flagsOf("--kube-label=k8s.io/a"), field: "kube-label", message: "belong to Kubernetes", remedy: "mongogate.dev/holder"},
	{why: "label with a value", w: flagsOf("--kube-label=mongogate.dev/holder=true"), field: "kube-label", message: "not the key of a label", remedy: "mongogate.dev/holder"},
	{why: "label with a capital prefix", w: flagsOf("--kube-label=Mongogate.dev/holder"), field: "kube-label", message: "not the key of a label", remedy: "mongogate.dev/holder"},
	{why: "label with a long name", w: flagsOf("--kube-label=a.b/" + strings.Repeat("x", 64)), field: "kube-label", message: "not the key of a label", remedy: "mongogate.dev/holder"},
	{why: "label with a long prefix", w: flagsOf("--kube-label=" + strings.Repeat("a.", 127) + "b/x"), field: "kube-label", message: "not the key of a label", remedy: "mongogate.dev/holder"},
	{why: "index", w: flagsOf("--completion-index=first"), field: "completion-index", message: "not a whole number", remedy: "0, 1, 2"},
	{why: "control character", w: flagsOf("--name=a\nb"), field: "name", message: `"a\nb": it contains a control character`, remedy: "take it out"},
	{why: "database", w: flagsOf("--database=my.locks"), field: "database", message: "cannot contain", remedy: "take it out"},
	{why: "connection string as database", w: flagsOf("--database=" + goodURI), field: "database", message: "[redacted]: a database's name", remedy: "take it out"},
	{why: "database of the server", w: flagsOf("--database=admin"), field: "database", message: "belongs to MongoDB", remedy: "mongolock"},
	{why: "long database", w: flagsOf("--database=" + strings.Repeat("d", 64)), field: "database", message: "64 bytes", remedy: "shorten"},
	{why: "collection", w: flagsOf("--collection=lo$ck"), field: "collection", message: "cannot contain $", remedy: "take it out"},
	{why: "collection of the server", w: flagsOf("--collection=system.lock"), field: "collection", message: "belong to MongoDB", remedy: "such as lock"},
	{why: "dotted collection", w: flagsOf("--collection=lock."), field: "collection", message: "begin or end with a dot", remedy: "take it off"},
	{why: "long collection", w: flagsOf("--collection=" + strings.Repeat("c", 192)), field: "collection", message: "192 bytes", remedy: "shorten"},

	// Keys and buckets.
	{why: "no key", w: world{env: []string{"MONGOGATE_URI=" + goodURI}}, field: "namespace", message: "not set", remedy: "--key"},
	{why: "unknown field", w: flagsOf("--key=x-{{.Pod}}"), field: "key", message: "no field .Pod", remedy: ".Namespace", from: "flag --key"},
	{why: "template", w: flagsOf("--key=x-{{.Job"), field: "key", message: "not a template", remedy: "reports-{{.Bucket}}"},
	{why: "bucket without rule", w: flagsOf("--key=x-{{.Bucket}}"), field: "bucket", message: "no buckets", remedy: "cron:"},
	{why: "reserved key", w: flagsOf("--key=.mongogate"), field: "key", message: "Mongogate's own", remedy: "something else"},
	{why: "bucket", w: flagsOf("--bucket=7h"), field: "bucket", message: "does not divide a day", remedy: "1d", from: "flag --bucket"},
	{why: "@every", w: flagsOf("--bucket=cron:@every 1h"), field: "bucket", message: "start of each machine", remedy: "cron:"},
	{why: "30 February", w: file(`bucket: 'cron:"0 0 30 2 *"'`), field: "bucket", message: "never fires", remedy: "cron:"},
	{why: "retention", w: flagsOf("--bucket=1d", "--retention=12h", "--starting-deadline=1h"), field: "retention", message: "12h0m0s < starting deadline 1h0m0s + period 24h0m0s = 25h0m0s", remedy: "at least 25h0m0s", from: "flag --retention"},
	{why: "made by hand", w: vars("MONGOGATE_JOB_NAME=reports-test"), field: "job-name", message: "carries no scheduled minute", remedy: "--manual run", from: "variable MONGOGATE_JOB_NAME"},
	{why: "date at the end", w: vars("MONGOGATE_JOB_NAME=reports-20261122"), field: "job-name", message: "a date?", remedy: "--bucket none"},
	{why: "slash in a name", w: world{env: []string{"MONGOGATE_URI=" + goodURI}, args: []string{"--namespace=n", "--name=a/b"}}, field: "name", message: "separates the parts", remedy: "--key"},

	// Fences.
	{why: "restart and exit", cmd: "sidecar", w: flagsOf("--protection=restart", "--also=exit", "--kill-budget=8s"), field: "also", message: "both given", remedy: "leave exit out"},
	{why: "a sentinel of run", cmd: "run", w: flagsOf("--sentinel=/tmp/lost"), field: "sentinel", message: "not a flag of run", remedy: "sidecar, doctor"},
	{why: "a sentinel of init", cmd: "init", w: flagsOf("--sentinel=/tmp/lost"), field: "sentinel", message: "not a flag of init", remedy: "sidecar, doctor"},
	{why: "sparing every shell", cmd: "sidecar", w: flagsOf("--spare=envoy,sh"), field: "spare", message: "may begin the workload's container", remedy: "MONGOGATE_SPARED=true"},
	{why: "a path to be spared", cmd: "sidecar", w: flagsOf("--spare=/usr/bin/envoy"), field: "spare", message: "not the name of a program", remedy: "last part of its path"},
	{why: "nothing to be spared", cmd: "sidecar", w: flagsOf("--spare=envoy,,x"), field: "spare", message: "not the name of a program", remedy: "last part of its path"},
	{why: "sparing beside a follower", cmd: "sidecar", w: flagsOf("--protection=follow", "--spare=envoy"), field: "spare", message: "report of the follower", remedy: "leave it out"},
	{why: "rare scans", cmd: "sidecar", w: flagsOf("--protection=kill", "--scan-interval=10s"), field: "scan-interval", message: "could run unlocked for this long (at most 1s)", remedy: "1s or less"},
	{why: "restart in a hurry", cmd: "sidecar", w: flagsOf("--protection=restart"), field: "protection", message: "kill budget of 5s", remedy: "--ttl at least 42s"},
	{why: "candidate sidecar", cmd: "sidecar", w: flagsOf("--readiness=candidate"), field: "readiness", message: "never ready", remedy: "run"},

	// The Kubernetes API.
	{why: "a follower's events", w: flagsOf("--follow", "--kube-events"), field: "kube-events", message: "no lock of its own", remedy: "to the sidecar"},
	{why: "a follower's label", w: flagsOf("--follow", "--kube-label=a.b/c"), field: "kube-label", message: "no lock of its own", remedy: "to the sidecar"},
	{why: "two kinds of evidence", cmd: "sidecar", w: flagsOf("--protection=follow", "--kube-evidence"), field: "kube-evidence", message: "is the evidence already", remedy: "leave this out"},

	// Variables.
	{why: "unknown variable", w: vars("MONGOGATE_KILLBUDGET=3s"), message: "variable MONGOGATE_KILLBUDGET", remedy: "did you mean MONGOGATE_KILL_BUDGET?", from: "environment"},
	{why: "unknown variable with a secret", w: vars("MONGOGATE_PASSWORD=" + canary), message: "variable MONGOGATE_PASSWORD", remedy: "unset it"},
	{why: "unknown variable, odd name", w: vars("MONGOGATE_" + canary + "@=x"), message: "a name that is not shown", remedy: "unset it"},

	// Connection strings.
	{why: "no database", w: noURI(), field: "uri", message: "not set", remedy: "MONGOGATE_URI or --uri-file"},
	{why: "two of one kind", w: noURI("MONGOGATE_URI="+goodURI, "MONGOGATE_URI_FILE=/x"), field: "uri-file", message: "both this and uri are given by variables", remedy: "leave one"},
	{why: "no such file", w: noURI("MONGOGATE_URI_FILE=/none"), field: "uri-file", message: `"/none": there is no such file`, remedy: "path of a file"},
	{why: "connection string as file", w: noURI("MONGOGATE_URI_FILE=" + goodURI), field: "uri-file", message: "[redacted]: this is no name of a file", remedy: "give a path"},
	{why: "unreadable file", w: world{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI_FILE=/x"}, files: map[string]string{"/x": "!"}}, field: "uri-file", message: "no permission to read", remedy: "user 1000"},
	{why: "empty file", w: world{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI_FILE=/x"}, files: map[string]string{"/x": "\n"}}, field: "uri-file", message: "the file is empty", remedy: "write the connection string"},
	{why: "file with more", w: world{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI_FILE=/x"}, files: map[string]string{"/x": goodURI + "\npassword: " + canary}}, field: "uri-file", message: "more than a connection string", remedy: "nothing else"},
	{why: "refused by the lock", w: noURI("MONGOGATE_URI=mongodb://h/?w=1"), field: "uri", message: "w=1 is refused", remedy: "mongodb://HOST", from: "variable MONGOGATE_URI"},
	{why: "refused with a secret", w: noURI("MONGOGATE_URI=" + goodURI + "&w=1"), field: "uri", message: "details withheld", remedy: "%25"},
	{why: "refused, and cut short", w: noURI("MONGOGATE_URI=mongodb://u:" + canary), field: "uri", message: "details withheld", remedy: "%3A"},
	{why: "refused with half a secret", w: noURI("MONGOGATE_URI=mongodb://u:x@" + canary + "@h/?w=1"), field: "uri", message: "details withheld", remedy: "%40"},

	// Authorities.
	{why: "no such authority", w: flagsOf("--tls-ca-file=/none"), field: "tls-ca-file", message: `"/none": there is no such file`, remedy: "path of a file"},
	{why: "no certificate", w: withFile("not PEM", "--tls-ca-file=/x"), field: "tls-ca-file", message: "no certificate", remedy: "BEGIN CERTIFICATE"},

	// Files.
	{why: "no such file", w: vars("MONGOGATE_CONFIG=/none"), field: "config", message: "there is no such file", remedy: "that exists", from: "variable MONGOGATE_CONFIG"},
	{why: "connection string as file", w: vars("MONGOGATE_CONFIG=" + goodURI), field: "config", message: "[redacted]: this is no name of a file", remedy: "give a path"},
	{why: "not YAML", w: file("ttl: 30s\n\turi: " + canary), field: "config", message: "not YAML", remedy: "without tabs", from: "/etc/mongogate.yaml:2"},
	{why: "password that is an alias", w: file("ttl: 30s\nuri: *" + canary), field: "config", message: "not YAML", remedy: "quotes"},
	{why: "alias", w: file("name: &a " + canary + "\nuri: *a"), field: "uri", message: "aliases are not read", remedy: "quotes", from: "/etc/mongogate.yaml:2"},
	{why: "unknown key", w: file("# one\nttl: 30s\nkillbudget: 3s"), message: "key killbudget", remedy: "did you mean killBudget?", from: "/etc/mongogate.yaml:3"},
	{why: "flag as key", w: file("kill-budget: 3s"), message: "key kill-budget", remedy: "it is written killBudget"},
	{why: "config in a file", w: file("config: /other"), message: "key config", remedy: "reference"},
	{why: "connection string as key", w: file("mongodb://u:" + canary + "@h: x"), message: "a name that is not shown", remedy: "reference"},
	{why: "a tree", w: file("timing:\n  ttl: 30s"), message: "key timing", remedy: "reference"},
	{why: "given twice", w: file("ttl: 30s\nname: x\nttl: 40s"), field: "ttl", message: "given twice, first in line 1", remedy: "leave one", from: "/etc/mongogate.yaml:3"},
	{why: "no value", w: file("ttl:\nname: x"), field: "ttl", message: "no value", remedy: "leave the key out"},
	{why: "null", w: file("uri: ~"), field: "uri", message: "no value", remedy: "leave the key out"},
	{why: "a mapping", w: file("uri: {user: u, password: " + canary + "}"), field: "uri", message: "not a plain value", remedy: "uri: VALUE"},
	{why: "a list", w: file("key: [a, b]"), field: "key", message: "not a plain value", remedy: "key: VALUE"},
	{why: "a list of lists", cmd: "sidecar", w: file("also: [[kill]]"), field: "also", message: "not a plain word", remedy: "[a, b]"},
	{why: "an empty list", cmd: "sidecar", w: file("also: []"), field: "also", message: "list is empty", remedy: "leave the key out"},
	{why: "binary", w: file("uri: !!binary " + canary), field: "uri", message: "not a plain value", remedy: "uri: VALUE"},
	{why: "a word", w: file(canary), field: "config", message: "not a mapping", remedy: "ttl: 30s"},
	{why: "a list of settings", w: file("- ttl: 30s"), field: "config", message: "not a mapping", remedy: "ttl: 30s"},
	{why: "two documents", w: file("ttl: 30s\n---\nuri: " + canary), field: "config", message: "second document", remedy: "one document"},
	{why: "a huge file", w: file(strings.Repeat("# x\n", 300_000)), field: "config", message: "more than 1048576", remedy: "right file"},
	{why: "no number in a file", w: file("ttl: 30"), field: "ttl", message: "without a unit", remedy: "30s", from: "/etc/mongogate.yaml:1"},
}

// checkURI is as careless with secrets as a driver can be.
func checkURI(uri string) error {
	if strings.Contains(uri, "w=1") {
		_, half, _ := strings.Cut(uri, "@")
		if strings.Contains(half, canary) {
			return fmt.Errorf("no such host: %s", half)
		}
		if strings.Contains(uri, canary) {
			return fmt.Errorf("error in %s", uri)
		}
		return errors.New("w=1 is refused")
	}
	if strings.HasSuffix(uri, ":"+canary) {
		return fmt.Errorf("port must be an integer: parsing %q", canary)
	}
	return nil
}

func TestBadInput(t *testing.T) {
	if len(badInputs) < 60 {
		t.Fatalf("%d cases", len(badInputs))
	}
	for _, c := range badInputs {
		cmd := c.cmd
		if cmd == "" {
			cmd = "run"
		}
		s, err := c.w.load(t, cmd, func(o *Outside) { o.CheckURI = checkURI })
		var e *Error
		if !errors.As(err, &e) || s != nil {
			t.Errorf("%s: error %v, want an *Error", c.why, err)
			continue
		}
		found := false
		for _, p := range e.Problems {
			if p.Message == "" || p.Remedy == "" {
				t.Errorf("%s: no message or no remedy: %+v", c.why, p)
			}
			found = found || p.Field == c.field && strings.Contains(p.Value+": "+p.Message, c.message) && strings.Contains(p.Remedy, c.remedy) && (c.from == "" || p.Source == c.from)
		}
		if !found {
			t.Errorf("%s: none of the problems is field %q, %q, remedy %q, from %q:\n%v", c.why, c.field, c.message, c.remedy, c.from, err)
		}
		for _, shown := range []string{err.Error(), fmt.Sprintf("%+v %#v", e.Problems, e.Problems)} {
			if strings.Contains(shown, canary) || strings.Contains(shown, canary[:5]) {
				t.Errorf("%s: the password is in %s", c.why, shown)
			}
		}
		if strings.Count(err.Error(), "\n") != len(e.Problems)-1 {
			t.Errorf("%s: not one line for each problem:\n%v", c.why, err)
		}
	}
}

func TestAllProblemsAtOnce(t *testing.T) {
	_, err := world{
		args: []string{"--ttl=30", "--if-held=maybe"},
		env:  []string{"MONGOGATE_KILBUDGET=3s", "MONGOGATE_NO_OVERLAP=yes"},
		yaml: "heartbeet: 3s\ndatabase: a.b\n",
	}.load(t, "run")
	want := []string{"ttl: ", "if-held: ", "MONGOGATE_KILBUDGET", "no-overlap: ", "heartbeet", "database: ", "uri: not set", "name: not set", "namespace: not set"}
	for _, w := range want {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("%q is missing in:\n%v", w, err)
		}
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != len(want) {
		t.Errorf("%d problems, want %d:\n%v", got, len(want), err)
	}
}

func TestRendering(t *testing.T) {
	_, err := flagsOf("--ttl=30").load(t, "run")
	const want = `ttl: "30": a number without a unit (from flag --ttl); give a number with a unit, such as 500ms, 30s, 1h or 7d`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	type holder struct {
		URI Secret            `json:"uri" yaml:"uri"`
		Map map[string]Secret `json:"map" yaml:"map"`
	}
	h := holder{URI: canary, Map: map[string]Secret{"x": canary}}
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := h.URI.MarshalText()
	shown := []string{string(j), string(y), string(text), fmt.Sprint(h.URI.MarshalLog())}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		shown = append(shown, fmt.Sprintf(verb, h.URI), fmt.Sprintf(verb, h), fmt.Sprintf(verb, &h))
	}
	for _, s := range shown {
		if strings.Contains(s, canary) || !strings.Contains(s, redacted) {
			t.Errorf("shown as %s", s)
		}
	}
	if Secret("").String() != "" || h.URI.Reveal() != canary {
		t.Error("an empty secret is empty, and Reveal reveals")
	}
	s, err := world{env: plain()}.load(t, "run")
	if err != nil {
		t.Fatal(err)
	}
	if out := fmt.Sprintf("%+v %#v", s.Sources(), s.URI); strings.Contains(out, canary) {
		t.Error(out)
	}
	// The texts that the sources are made of are in the settings, too.
	if out := fmt.Sprintf("%v %+v %#v", s, s, s); strings.Contains(out, canary) {
		t.Error("printing the settings shows the password")
	}
}

func TestClosest(t *testing.T) {
	for name, want := range map[string]string{"tll": "ttl", "heartbeet": "heartbeat", "kilbudget": "killBudget", "buckte": "bucket", "": "", "frobnicate": "", "x": ""} {
		if got := closest(name, namesOf(setting.key)); got != want {
			t.Errorf("closest to %q: %q, want %q", name, got, want)
		}
	}
}
