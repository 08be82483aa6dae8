//go:build linux

package scenario_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/test/must"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/mongogate/mongogate/e2e/kube"
	"github.com/mongogate/mongogate/e2e/render"
	"github.com/mongogate/mongogate/e2e/scenario"
	"github.com/mongogate/mongogate/e2e/witness"
)

// The five minutes of the README, line by line: a line that is not the one that
// is done here ends the scenario. In place of what is there: the scenario's
// namespace for demo, also in the key; the images of the lab, made and loaded by
// hack/e2e.sh; the worker for the command, or the witness sees nobody. And
// west comes when east runs, for the README says which of them is first.
func TestReadmeInAPod(t *testing.T) {
	s := scenario.New(t, scenario.Opts{TTL: 30 * time.Second}) // the chart's own, which the README leaves as it is
	key := s.Name + "/worker"
	values := valuesOfReadme(s).With(kube.Values{
		"fullnameOverride": "", // which Install sets, and the README does not
		"image":            s.A.Base["image"], "command": s.A.Base["command"],
		"env":  []any{map[string]any{"name": witness.EnvKey, "value": key}},
		"gate": kube.Values{"key": key},
	})
	r := read(s, "README.md", "## In a pod")
	r.line("make image VERSION=v0.1.0")
	r.line("kind load image-archive dist/mongogate.tar")
	r.line("kubectl create namespace demo")
	r.line("kubectl -n demo create secret generic locks --from-file=uri=uri.txt")
	s.A.Secret("locks", map[string]string{"uri": s.A.URI})
	before := s.A.Inventory()

	r.line("helm -n demo install east ./charts/mongogate -f values.yaml")
	s.A.Install("east", values)
	east := s.A.Pod("app.kubernetes.io/instance=east")
	first := s.Await(key, slow, func(r witness.Run) bool { return r.Pod == string(east.UID) && r.Alive() })
	r.line("helm -n demo install west ./charts/mongogate -f values.yaml")
	s.A.Install("west", values)
	west := s.A.Pod("app.kubernetes.io/instance=west")
	r.line("helm -n demo test east")
	if err := s.A.HelmTest("east"); err != nil {
		t.Errorf("helm test: %v", err)
	}

	r.line("kubectl -n demo get pods")
	east.WaitReady(slow)
	r.line("kubectl -n demo logs deployment/west-worker")
	west.WaitLog("main", "waiting for the lock", slow)
	west.WaitLog("main", `"holder":"`+east.Name+`"`, slow)
	if kube.IsReady(west.Pod) {
		t.Error("west is ready and has no lock")
	}
	if runs := s.Witness.Runs(key); len(runs) != 1 || runs[0].Pod != string(east.UID) {
		t.Errorf("UNSAFE: only east was to run: %v", runs)
	}
	hardened(s, east) // no access to the API, among others
	r.exec(s.A, "kubectl -n demo exec deployment/east-worker -- /opt/mongogate/mongogate show", key, "held", east.Name)

	r.line("kubectl -n demo scale deployment/east-worker --replicas=0")
	s.A.Scale("east-worker", 0)
	gone := s.AwaitGone(first, slow)
	next := s.Await(key, slow, func(r witness.Run) bool { return r.Pod == string(west.UID) })
	r.line("kubectl -n demo logs -f deployment/west-worker")
	west.WaitLog("main", "start: ", slow)
	r.exec(s.A, "kubectl -n demo exec deployment/west-worker -- /opt/mongogate/mongogate history", east.Name, west.Name)
	if history := s.Lock(key).History; len(history) != 2 || history[1].Pod != west.Name || history[1].How != "free" {
		t.Errorf("gone %v, then %v: the lock was not given back: %+v", gone, next, history)
	}

	r.line("helm -n demo uninstall east west")
	s.A.Uninstall("east")
	s.A.Uninstall("west")
	r.end()
	s.AwaitGone(next, slow)
	s.A.WaitInventory(before, slow)
	if locks, err := s.DB.List(t.Context(), s.Name, 0); err != nil || len(locks) != 1 || locks[0].State != "free" {
		t.Errorf("one free lock was to be left: %+v %v", locks, err)
	}
}

// valuesOfReadme are those of its one block for the chart.
func valuesOfReadme(s *scenario.Scenario) (values kube.Values) {
	s.Helper()
	blocks := must.Get(render.Examples("../.."))(s.T)
	i := slices.IndexFunc(blocks, func(e render.Example) bool { return e.Page == "README.md" && e.Mark == "render: chart" })
	if i < 0 {
		s.Fatal("the README has no values for the chart")
	}
	if err := yaml.Unmarshal([]byte(blocks[i].Text), &values); err != nil {
		s.Fatalf("%v: %v", blocks[i], err)
	}
	return values
}

// reader goes through the commands of a section, as somebody does who types them.
type reader struct {
	s     *scenario.Scenario
	page  string
	lines []string
}

// comment is what follows a command, for people.
var comment = regexp.MustCompile(`\s+#.*`)

// read takes the shell blocks of a section.
func read(s *scenario.Scenario, page, heading string) *reader {
	s.Helper()
	text := must.Get(os.ReadFile(filepath.Join("../..", page)))(s.T)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		s.Fatalf("%s has no section %q", page, heading)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	r := &reader{s: s, page: page}
	for _, block := range strings.Split(section, "\n```sh\n")[1:] {
		block, _, _ = strings.Cut(block, "\n```")
		for _, line := range strings.Split(block, "\n") {
			r.lines = append(r.lines, comment.ReplaceAllString(line, ""))
		}
	}
	return r
}

// line ends the test if the next command is another.
func (r *reader) line(want string) {
	r.s.Helper()
	if len(r.lines) == 0 || r.lines[0] != want {
		r.s.Fatalf("%s: after what was done here comes %q, not %q", r.page, r.lines, want)
	}
	r.lines = r.lines[1:]
}

// end fails the test if something is left to be typed.
func (r *reader) end() {
	r.s.Helper()
	if len(r.lines) > 0 {
		r.s.Errorf("%s: nobody does %q", r.page, r.lines)
	}
}

// exec is line, and does it: what it says is to contain all of these.
func (r *reader) exec(space *kube.Space, line string, says ...string) {
	r.s.Helper()
	r.line(line)
	execLine(r.s, space, line, says...)
}

// execLine does what kubectl exec does, whose namespace is the scenario's.
func execLine(s *scenario.Scenario, space *kube.Space, line string, says ...string) {
	s.Helper()
	target, command, _ := strings.Cut(line, " -- ")
	words := strings.Fields(target)
	name, isDeployment := strings.CutPrefix(words[min(4, len(words)-1)], "deployment/")
	if !isDeployment || words[3] != "exec" {
		s.Fatalf("%q is not understood", line)
	}
	var d appsv1.Deployment
	if err := space.Get(s.Context(), client.ObjectKey{Namespace: s.Name, Name: name}, &d); err != nil {
		s.Fatalf("%s: %v", line, err)
	}
	pod := space.Pod(labels.Set(d.Spec.Selector.MatchLabels).String())
	container := pod.Spec.Containers[0].Name // as kubectl has it, if it is not told
	if i := slices.Index(words, "-c"); i > 0 {
		container = words[i+1]
	}
	out, err := pod.Exec(container, strings.Fields(command)...)
	s.Logf("%s\n%s", line, out)
	if err != nil {
		s.Fatalf("%s: %v", line, err)
	}
	for _, want := range says {
		if !strings.Contains(out, want) {
			s.Errorf("%s: does not say %q:\n%s", line, want, out)
		}
	}
}
