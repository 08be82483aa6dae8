//go:build linux

package scenario_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	corev1 "k8s.io/api/core/v1"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// server is a real one of Debian's packages.
type server struct {
	name string // of its program, as the kernel has it
	// script starts it in the foreground, in the directory /data, after mark.
	script string
	// processes is how many it has when it is up.
	processes int
}

func servers() []server {
	return []server{
		{"nginx", `mkdir -p logs; echo 'daemon off; pid pid; worker_processes 3; error_log stderr; events {}
			http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; server { listen 8080; } }' >conf
			mark; exec /usr/sbin/nginx -p /data -c /data/conf -e stderr`, 4},
		{"postgres", `rm -rf db; set -- /usr/lib/postgresql/*/bin
			"$1/initdb" --no-sync -A trust -U x -D /data/db >/dev/null && mark && exec "$1/postgres" -D /data/db -k /data -c listen_addresses=`, 6},
		{"java", `set -- /usr/lib/jvm/*/bin/java
			mark; exec "$1" -Xmx32m -XX:-UsePerfData -m java.rmi/sun.rmi.registry.RegistryImpl 1099`, 1},
		{"python3", `mark; exec /usr/bin/python3 -c 'import http.server, multiprocessing, time
[multiprocessing.Process(target=time.sleep, args=(100000,)).start() for _ in range(3)]
http.server.HTTPServer(("", 8080), http.server.SimpleHTTPRequestHandler).serve_forever()'`, 4},
	}
}

// Real servers under each protection: every process of them is gone before the next holder, however they treat their
// environment, their children and SIGTERM; or the file that says so is there, under sentinel. Half of them lose the lock to an
// operator, so that it is given back on evidence, half to a database that falls silent. E2E_SERVERS is how often each is tried.
func TestLossOfRealServers(t *testing.T) {
	t.Parallel() // or the next scenario waits for the last of these
	n := times(t, "E2E_SERVERS", 1)
	for _, protection := range []string{"run", "follow", "kill", "sentinel", "restart"} {
		t.Run(protection, func(t *testing.T) {
			opts, values := scenario.Opts{TTL: 20 * time.Second, Kubernetes: versionFor(protection)}, gated(protection, shared)
			silent := 2 * n // so many lose the lock in one moment
			switch protection {
			case "restart":
				opts.TTL, values, silent = restartTTL, restarting, 2
			case "sentinel":
				opts.MayOverlap = "a server that does not look for the file lives on; what is judged is that the file is there"
			}
			s := scenario.New(t, opts)
			if s.Lab.ServersImage == "" {
				s.SkipFor("there is no image with servers")
			}
			all := make([]*member, n*len(servers()))
			for i, sv := range servers() {
				for j, m := range serving(s, sv, n, protection == "kill", values) {
					all[j*len(servers())+i] = m
				}
			}
			awaited(all)
			revoked := all[:len(all)-silent]
			for i, m := range revoked {
				m.since = time.Now()
				must.Get(s.DB.Revoke(t.Context(), m.key))(t)
				if protection == "restart" && i%2 == 1 { // the kubelet has work with each
					s.AwaitGone(revoked[i-1].run, s.Timing.TTL+slow)
					s.AwaitGone(m.run, s.Timing.TTL+slow)
				}
			}
			judge := func(some []*member) {
				for _, m := range some {
					if protection == "sentinel" {
						m.told()
					} else {
						m.gone("server-" + m.release + "-lost-" + protection)
					}
				}
			}
			judge(revoked)
			since := time.Now()
			s.A.DB.Freeze()
			for _, m := range all[len(revoked):] {
				m.since = since
			}
			judge(all[len(revoked):])
			s.Logf("%s: %d of %d", protection, len(all), len(all))
		})
	}
}

// serving is n pods with a real server that is up.
func serving(s *scenario.Scenario, sv server, n int, job bool, values kube.Values) []*member {
	s.Helper()
	// The shell becomes the server: to the witness that is one run, from when the file is there.
	mark := `rm -f ` + witness.Marks + `; mark() { printf '%s\n%s\n' "$E2E_KEY" "$E2E_CLUSTER" >` + witness.Marks + `; }; cd /data; `
	all := crowd(s, s.A, sv.name, n, job, values.With(kube.Values{
		"image":        kube.Values{"registry": "mongogate.test", "repository": "servers", "tag": "1"},
		"command":      []any{"/bin/sh", "-c", mark + sv.script},
		"volumes":      []any{kube.Values{"name": "data", "emptyDir": kube.Values{}}},
		"volumeMounts": []any{kube.Values{"name": "data", "mountPath": "/data"}},
	}))
	for _, m := range all {
		m.pod.Wait(fmt.Sprintf("has %d processes %s", sv.processes, sv.name), slow, func(*corev1.Pod) bool {
			return len(m.pod.Processes(kube.Named(sv.name))) >= sv.processes
		})
	}
	return all
}

// told fails the test if the sentinel was not there when somebody else had the lock.
func (m *member) told() {
	m.Helper()
	at := m.took(m.TakenOver() + slow)
	found := m.pod.Processes(kube.Named(m.release))
	if len(found) == 0 {
		m.Fatalf("%s: the server has ended, and nothing was shown", m.key)
	}
	info, err := os.Stat(fmt.Sprintf("/proc/%d/root/run/mongogate/lost", found[0].PID))
	switch {
	case err != nil:
		m.Errorf("UNSAFE: %s: somebody else had the lock, and the workload was not told: %v", m.key, err)
	case info.ModTime().After(at):
		m.Errorf("UNSAFE: %s: the workload was told %v after somebody else had the lock", m.key, info.ModTime().Sub(at))
	default:
		m.Figure("server-"+m.release+"-lost-to-told", info.ModTime().Sub(m.since))
		m.Figure("server-"+m.release+"-lost-sentinel-to-next-holder", at.Sub(m.since))
	}
}
