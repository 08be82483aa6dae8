//go:build linux

package podworkload

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
)

// envServers is a directory with what Debian's package of nginx holds, unpacked outside of the namespace.
const envServers = "FENCE_TEST_SERVERS"

// server is a real one, as it is run in a container.
type server struct {
	name string
	// script starts it in the foreground; $DIR is its own directory. "" where it is not on this machine.
	script string
	// processes is how many it has when it is up.
	processes int
	// file is there when it is up; "" for none.
	file string
}

// Real servers are killed, every process of them, and keep the evidence back until then: of those on this machine nginx
// and PostgreSQL write titles over their environment, so that no mark is left to be seen.
func TestRealServers(t *testing.T) {
	var p pod
	if os.Getenv(envInside) == "" && os.Geteuid() == 0 {
		p.env = []string{envServers + "=" + unpacked(t, "nginx")}
	}
	if !inside(t, p) {
		return
	}
	for _, s := range []server{nginx(), postgres(), java(), python()} {
		t.Run(s.name, func(t *testing.T) {
			if s.script == "" {
				t.Skip("not shown here: it is not on this machine")
			}
			dir := t.TempDir()
			for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
				_ = os.Chmod(d, 0o777)
			}
			w := held(t)
			marked := container(t, "work", "exec sleep 1000", Marker+"=1")
			c := container(t, "other", "export DIR="+dir+"; "+s.script, Marker+"=1")
			var up []int
			must.Happen(t, "it is up", func() bool {
				up = inCgroup(t, "other")
				return len(up) >= s.processes && (s.file == "" || is(filepath.Join(dir, s.file)))
			})
			time.Sleep(300 * time.Millisecond) // it may still be setting its titles
			t.Logf("%d processes, %d of them show the mark", len(inCgroup(t, "other")), showing(inCgroup(t, "other")))
			w.Stop()
			goneIs(t, w, false)
			lose(w)
			goneIs(t, w, true)
			if left := inCgroup(t, "other"); len(left) > 0 || alive(c.Process.Pid) || alive(marked.Process.Pid) {
				t.Errorf("evidence, but processes live: %v", left)
			}
		})
	}
}

// unpacked is a directory with a package of Debian's, which is downloaded where that is possible; "" where it is not.
func unpacked(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	script := `cd "$1" && apt-get -qq -o APT::Sandbox::User=root download "$2" && dpkg-deb --extract "$2"_*.deb root`
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", dir, name).CombinedOutput(); err != nil {
		t.Logf("no package %s: %v: %s", name, err, out)
		return ""
	}
	return filepath.Join(dir, "root")
}

func nginx() server {
	root := os.Getenv(envServers)
	binary := filepath.Join(root, "usr/sbin/nginx")
	if out, err := exec.Command(binary, "-v").CombinedOutput(); root == "" || err != nil {
		fmt.Printf("nginx: %v: %s\n", err, out)
		return server{name: "nginx"}
	}
	return server{"nginx", `mkdir "$DIR/logs"; echo 'daemon off; pid pid; worker_processes 3; error_log stderr; events {} http { access_log off; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s; server { listen unix:'"$DIR"'/nginx.sock; } }' >"$DIR/conf"; exec ` + binary + ` -p "$DIR" -c "$DIR/conf" -e stderr`, 4, "nginx.sock"}
}

func postgres() server {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) == 0 {
		return server{name: "PostgreSQL"}
	}
	bin := filepath.Dir(found[len(found)-1])
	return server{"PostgreSQL", `chown 65534 "$DIR"; as="setpriv --reuid 65534 --regid 65534 --clear-groups"
		$as ` + bin + `/initdb --no-sync -A trust -U x -D "$DIR/data" >/dev/null && exec $as ` + bin + `/postgres -D "$DIR/data" -k "$DIR" -c listen_addresses= >/dev/null 2>&1`, 6, ".s.PGSQL.5432"}
}

func java() server {
	if _, err := exec.LookPath("javac"); err != nil {
		return server{name: "Java"}
	}
	return server{"Java", `cat >"$DIR/Server.java" <<'END'
public class Server { public static void main(String[] a) throws Exception { for (int i = 0; i < 8; i++) new Thread(() -> { while (true) { try { Thread.sleep(10); } catch (Exception e) {} } }).start(); } }
END
exec java "$DIR/Server.java"`, 1, ""}
}

func python() server {
	path, err := exec.LookPath("/usr/bin/python3")
	if err != nil {
		return server{name: "Python"}
	}
	return server{"Python", `exec ` + path + ` -c 'import multiprocessing, time
[multiprocessing.Process(target=time.sleep, args=(1000,)).start() for _ in range(3)]'`, 4, ""}
}

// inCgroup are the living processes of a container.
func inCgroup(t *testing.T, name string) []int {
	t.Helper()
	b := must.Get(os.ReadFile(filepath.Join(os.Getenv(envWork), name, "cgroup.procs")))(t)
	return slices.DeleteFunc(numbers(b), func(pid int) bool { return pid <= 0 || !alive(pid) })
}

// showing counts the processes that still show the mark.
func showing(pids []int) (n int) {
	for _, pid := range pids {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if strings.Contains(string(b), Marker) {
			n++
		}
	}
	return n
}
