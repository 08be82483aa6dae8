package render

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/internal/settings"
	"github.com/spf13/pflag"
)

var camel = regexp.MustCompile(`([a-z])([A-Z])`)

// The chart's arithmetic is the binary's: what one refuses the other does.
func TestChartTimingIsTheBinarys(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, seed)) // to be repeated
	pick := func(of time.Duration, parts ...float64) string {
		p := parts[r.IntN(len(parts))]
		if p == 0 {
			return ""
		}
		return time.Duration(float64(of) * p).Round(time.Millisecond).String()
	}
	good, bad := 0, 0
	for range 40 {
		ttl := []time.Duration{4 * time.Second, 6 * time.Second, 30 * time.Second, 42 * time.Second, 90 * time.Minute}[r.IntN(5)]
		given := map[string]string{
			"ttl": ttl.String(), "heartbeat": pick(ttl, 0, 0, .3, .4, .45), "operationTimeout": pick(ttl, 0, 0, .15, .25),
			"killBudget": pick(ttl, 0, 0, .1, .2, .4), "killAfter": pick(ttl, 0, 0, 0, .05, .13, .2), "grace": pick(ttl, 0, .1),
		}
		protection := []string{"run", "restart"}[r.IntN(2)]
		gate := map[string]any{"protection": protection, "allowShortTtl": r.IntN(2) == 0}
		environ := []string{"MONGOGATE_KEY=k", "MONGOGATE_URI=mongodb://h/?replicaSet=r", fmt.Sprint("MONGOGATE_ALLOW_SHORT_TTL=", gate["allowShortTtl"])}
		for name, value := range given {
			gate[name] = value
			if name == "killBudget" && value == "" && protection == "restart" && ttl < 42*time.Second {
				value = "7s" // what the chart gives
			}
			if value != "" {
				environ = append(environ, "MONGOGATE_"+strings.ToUpper(camel.ReplaceAllString(name, "${1}_$2"))+"="+value)
			}
		}
		command := "run"
		if protection == "restart" {
			command, environ = "sidecar", append(environ, "MONGOGATE_PROTECTION=restart")
		}
		_, binary := settings.Load(command, pflag.NewFlagSet(command, pflag.ContinueOnError), settings.Outside{
			Environ: environ, ReadFile: func(name string) ([]byte, error) {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}, Hostname: "machine", Now: time.Now(),
		})
		v := merged(values(t, leastApp), map[string]any{"terminationGracePeriodSeconds": 100000, "gate": gate})
		_, chart := helm(t, charts+"/mongogate", v, "v1.36.3")
		if (binary == nil) != (chart == nil) {
			t.Errorf("%v\nthe binary says: %v\nthe chart says: %v", gate, binary, chart)
		}
		if binary == nil {
			good++
		} else {
			bad++
		}
	}
	if good < 10 || bad < 10 {
		t.Errorf("%d good, %d bad: nothing is shown", good, bad)
	}
	fmt.Printf("cases: charts: %d timings that add up, %d that do not\n", good, bad)
}
