//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/devdb"
	"github.com/mongogate/mongogate/test/devdb/devdbtest"
	"github.com/mongogate/mongogate/test/must"
)

// everyCommand is each subcommand that reads a connection string.
var everyCommand = [][]string{
	{"run", "--timeout", "300ms", "--ttl", "5s", "--operation-timeout", "200ms", "--log-level", "debug", "--", "env"},
	{"run", "--timeout", "300ms", "--ttl", "5s", "--operation-timeout", "200ms", "--log-format", "json", "--expect-store", "x", "--", "env"},
	{"sidecar", "--timeout", "300ms", "--ttl", "120s", "--operation-timeout", "200ms", "--log-level", "debug", "--log-format", "json"},
	{"init", "--timeout", "300ms", "--ttl", "120s", "--operation-timeout", "200ms", "--log-level", "debug"},
	{"status", "--operation-timeout", "200ms"},
	{"list", "--operation-timeout", "200ms"},
	{"show", "--operation-timeout", "200ms"},
	{"history", "--operation-timeout", "200ms"},
	{"force-release", "--operation-timeout", "200ms"},
	{"force-release", "--now", "--yes", "--operation-timeout", "200ms"},
	{"doctor", "--operation-timeout", "200ms"},
	{"doctor", "--operation-timeout", "200ms", "--create-index", "-o", "json"},
	{"doctor", "--operation-timeout", "200ms", "-o", "yaml"},
}

// canaryURIs are strings that fail, each in another place. host answers, but not with TLS.
func canaryURIs(host string) map[string]string {
	return map[string]string{
		"nothing listens":       "mongodb://u:" + canary + "@127.0.0.1:1/?authSource=admin",
		"two that do not":       "mongodb://u:" + canary + "@127.0.0.1:1,127.0.0.1:2/?replicaSet=rs",
		"no such host":          "mongodb://u:" + canary + "@no-such-host.invalid/",
		"no such service":       "mongodb+srv://u:" + canary + "@no-such-host.invalid/",
		"no TLS there":          "mongodb://u:" + canary + "@" + host + "/?directConnection=true&tls=true",
		"no sign-in there":      "mongodb://u:" + canary + "@" + host + "/?directConnection=true",
		"another replica set":   "mongodb://u:" + canary + "@" + host + "/?replicaSet=" + "other",
		"secret of a mechanism": "mongodb://u:" + canary + "@127.0.0.1:1/?authMechanism=PLAIN&authSource=$external",
		"password of a key":     "mongodb://127.0.0.1:1/?tls=true&tlsCertificateKeyFile=/none&tlsCertificateKeyFilePassword=" + canary,
		"session token":         "mongodb://u:" + canary + "@127.0.0.1:1/?authMechanism=MONGODB-AWS&authMechanismProperties=AWS_SESSION_TOKEN:" + canary,
		"no scheme":             "u:" + canary + "@h/",
		"other scheme":          "postgres://u:" + canary + "@h/",
		"cut after password":    "mongodb://u:" + canary,
		"cut in the password":   "mongodb://u:" + halfCanary,
		"no host":               "mongodb://u:" + canary + "@",
		"at sign":               "mongodb://u:x@" + canary + "@h/",
		"slash":                 "mongodb://u:x/" + canary + "@h/",
		"percent":               "mongodb://u:%" + canary + "@h/",
		"question mark":         "mongodb://u:x?" + canary + "@h/",
		"no port":               "mongodb://h:" + canary + "/",
		"wrong option":          "mongodb://u:" + canary + "@h/?w=1&" + "tls=" + "perhaps",
		"option without value":  "mongodb://u:" + canary + "@h/?tls",
		"no slash":              "mongodb://u:" + canary + "@h?w=1",
		"database, not options": "mongodb://u:" + canary + "@h/w=1/x",
		"blank":                 "mongodb://u:" + canary + " @h/",
		"twice":                 "mongodb://u:" + canary + "@h/,mongodb://u:" + canary + "@h/",
	}
}

// fewestSecrets is below the number of runs that TestCanaryInEveryError makes.
const fewestSecrets = 600

// TestCanaryInEveryError gives every command every string, as variable, file,
// line of the YAML file and flag. Each fails, and none says the password.
func TestCanaryInEveryError(t *testing.T) {
	dir := t.TempDir()
	cases := 0
	host := must.Get(rig.server.Primary(t.Context()))(t)
	for why, uri := range canaryURIs(host) {
		file := filepath.Join(dir, strings.ReplaceAll(why, " ", "-"))
		for name, text := range map[string]string{file + ".uri": uri + "\n", file + ".yaml": "uri: " + fmt.Sprintf("%q", uri) + "\n"} {
			must.Do(t, os.WriteFile(name, []byte(text), 0o600))
		}
		env := []string{"MONGOGATE_KEY=k", "MONGOGATE_DATABASE=cli_canary", "MONGOGATE_STATE_DIR=" + file + ".state", "PATH=" + os.Getenv("PATH")}
		ways := map[string][]string{
			"variable": {"MONGOGATE_URI=" + uri}, "file": {"MONGOGATE_URI_FILE=" + file + ".uri"}, "YAML": {"MONGOGATE_CONFIG=" + file + ".yaml"},
		}
		offline := mongolock.CheckURI(uri) != nil
		for i, args := range everyCommand {
			for way, more := range ways {
				// What needs the network is slow: there each command takes the string in one way, in turn.
				if offline || way == []string{"variable", "file", "YAML"}[i%3] {
					cases++
					t.Run(fmt.Sprintf("%s/%s/%d-%s", why, way, i, args[0]), func(t *testing.T) {
						t.Parallel()
						code, stdout, stderr := failing(t, offline, args, append(more, env...))
						if code == 0 {
							t.Error("exit code 0")
						}
						if stderr == "" {
							t.Error("no message")
						}
						noCanary(t, "the output", stdout+stderr)
					})
				}
			}
		}
		cases++
		t.Run(why+"/flag", func(t *testing.T) {
			t.Parallel()
			if !carries(uri) {
				return // nothing secret that could be told: refused as a wrong string, if at all
			}
			code, stdout, stderr := inProcess(t, []string{"run", "--uri", uri, "--", "env"}, env)
			if code != 64 {
				t.Errorf("exit code %d, want 64", code)
			}
			noCanary(t, "the output", stdout+stderr)
		})
	}
	fmt.Printf("cases: %d runs with a password in a string that fails\n", cases)
	if cases < fewestSecrets {
		t.Errorf("%d runs, want at least %d", cases, fewestSecrets)
	}
	t.Cleanup(func() { noCanaryIn(t, dir, ".uri", ".yaml") })
}

// carries says whether a string has a password where everybody can see that it is one.
func carries(uri string) bool { return strings.Contains(uri, "@") || strings.Contains(uri, "assword=") }

// failing runs what fails without a store in this process, and everything else as it is.
func failing(t *testing.T, offline bool, args, env []string) (code int, stdout, stderr string) {
	t.Helper()
	if offline {
		return inProcess(t, args, env)
	}
	code, stderr = builtBinary(t, env, args...)
	return code, "", stderr
}

// noCanaryIn looks into every file below a directory, but for those of these endings, and at their names.
func noCanaryIn(t *testing.T, dir string, but ...string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		for _, end := range but {
			if strings.HasSuffix(path, end) {
				return nil
			}
		}
		b, err := os.ReadFile(path)
		noCanary(t, path, path+string(b))
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWrongPassword signs in with a wrong password, and with the right one as a user without rights.
func TestWrongPassword(t *testing.T) {
	_, good := signIn(t)
	for why, uri := range map[string]string{
		"wrong password": strings.Replace(good, "right-"+canary, "wrong-"+canary, 1),
		"wrong user":     strings.Replace(good, "gate:", "nobody:", 1),
		"wrong database": strings.Replace(good, "authSource=admin", "authSource=elsewhere", 1),
		"no TLS there":   good + "&tls=true",
	} {
		if uri == good {
			t.Fatal("nothing is wrong with the string for", why)
		}
		for i, args := range everyCommand {
			t.Run(fmt.Sprintf("%s/%d-%s", why, i, args[0]), func(t *testing.T) {
				t.Parallel()
				env := []string{"MONGOGATE_URI=" + uri, "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=" + t.TempDir()}
				begun := time.Now()
				code, out := builtBinary(t, env, args...)
				if took := time.Since(begun); took > 15*time.Second { // a heartbeat at 120 s is 20 s
					t.Errorf("it took %v: the time for waiting is that of all tries together", took)
				}
				if code != 69 && (code != 1 || args[0] != "doctor") {
					t.Errorf("exit code %d, want 69 or 1:\n%s", code, out)
				}
				noCanary(t, "the output", out)
			})
		}
	}
}

// signIn is a server that asks who one is, and the URI of the user gate, whose password has the canary.
func signIn(t *testing.T) (users, string) {
	t.Helper()
	server := devdbtest.Start(t, devdb.Auth)
	if server.Kind == devdb.External {
		t.Skip("no user is made on a server that is not ours")
	}
	u := usersOf(t, server)
	return u, u.add("gate", "root")
}
