package settings

import (
	"slices"
	"testing"
	"time"
)

// What is wrong has its default, and nothing of what is right is lost with it.
func TestReadable(t *testing.T) {
	right := []string{"MONGOGATE_URI=" + goodURI, "MONGOGATE_KEY=k", "MONGOGATE_STATE_DIR=/state"}
	for name, test := range map[string]struct {
		world
		key, dir string
		want     []string
	}{
		"nothing is wrong":            {world{env: right, args: []string{"--protection=kill"}}, "k", "/state", []string{Kill}},
		"a flag that nobody knows":    {world{env: right, args: []string{"--nothing", "--protection=kill"}}, "k", "/state", []string{Kill}},
		"and its value":               {world{env: right, args: []string{"--nothing", "5s", "--protection", "kill"}}, "k", "/state", []string{Kill}},
		"a time":                      {world{env: right, args: []string{"--ttl=soon", "--protection=kill"}}, "k", "/state", []string{Kill}},
		"a sum":                       {world{env: right, args: []string{"--ttl=5s", "--kill-budget=4s", "--protection=kill"}}, "k", "/state", []string{Kill}},
		"one of the protections":      {world{env: right, args: []string{"--also=kil,kill"}}, "k", "/state", []string{Kill, Sentinel}},
		"every protection":            {world{env: right, args: []string{"--protection=kil"}}, "k", "/state", []string{Sentinel}},
		"no connection string":        {world{env: right[1:], args: []string{"--protection=kill"}}, "k", "/state", []string{Kill}},
		"no key":                      {world{env: []string{right[0], right[2]}}, "", "/state", []string{Sentinel}},
		"no file":                     {world{env: right, args: []string{"--config=/none", "--protection=kill"}}, "k", "/state", []string{Kill}},
		"a line of the file":          {world{env: right[:1], yaml: "key: k\nalso: [kill, kil]\nstateDir: /state\nttl: soon\nwhat: 1\n"}, "k", "/state", []string{Kill, Sentinel}},
		"a state directory":           {world{env: right[:2], args: []string{"--state-dir=here"}}, "k", "/tmp/mongogate-1000", []string{Sentinel}},
		"a flag's value, at the end":  {world{env: right, args: []string{"--protection=kill", "--ttl"}}, "k", "/state", []string{Kill}},
		"variables that nobody knows": {world{env: append([]string{"MONGOGATE_NOTHING=1"}, right...)}, "k", "/state", []string{Sentinel}},
	} {
		out, args := test.outside()
		s := Readable("sidecar", args, out)
		var got []string
		for _, p := range s.InForce() {
			got = append(got, p.Name)
		}
		if s.Lock.Key != test.key || s.StateDir != test.dir || !slices.Equal(got, test.want) {
			t.Errorf("%s: key %q in %s, %v, want %q in %s, %v", name, s.Lock.Key, s.StateDir, got, test.key, test.dir, test.want)
		}
		if s.ScanInterval != 100*time.Millisecond || s.Budget().KillAfter <= 0 {
			t.Errorf("%s: a look every %v, SIGKILL after %v", name, s.ScanInterval, s.Budget().KillAfter)
		}
	}
}
