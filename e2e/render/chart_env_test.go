package render

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mongogate/mongogate/internal/settings"
)

// A setting without a value of the chart is given as a variable, so that a new one needs no change of the chart. Those that the chart sets or checks are known to it by name.
func TestChartTakesASettingThatItDoesNotKnow(t *testing.T) {
	text := read(t, charts+"/mongogate-lib/templates/_env.tpl")
	list := regexp.MustCompile(`define "mongogate.ownSettings" -}}\n{{- splitList " " "([A-Z_ ]+)"`).FindStringSubmatch(text)
	if list == nil {
		t.Fatal("no list of the chart's own settings")
	}
	own := strings.Fields(list[1])
	told := []string{"DEADLINE", "HELD", "HOLDER", "LEASE_FILE", "SPARED", "TOKEN", "WORKLOAD"}
	var all []any
	for _, name := range own {
		if !slices.Contains(settings.Variables(), "MONGOGATE_"+name) && !slices.Contains(told, name) {
			t.Errorf("MONGOGATE_%s is no variable of the gate", name)
		}
		all = append(all, map[string]any{"name": "MONGOGATE_" + name, "value": "x"})
	}
	v := merged(values(t, leastApp), map[string]any{"gate": map[string]any{"protection": "sentinel", "env": all}})
	_, err := helm(t, charts+"/mongogate", v, "v1.36.3")
	for _, name := range own {
		if err == nil || !strings.Contains(err.Error(), "env sets MONGOGATE_"+name+",") {
			t.Errorf("MONGOGATE_%s is taken from a variable", name)
		}
	}
	for _, v := range []string{"gate: {protection: sentinel, env: [{name: MONGOGATE_NEW, value: x}]}", "env: [{name: MONGOGATE_NEW, value: x}]"} {
		r, err := helm(t, charts+"/mongogate", merged(values(t, leastApp), values(t, v)), "v1.36.3")
		if err != nil || !strings.Contains(r.Manifest, "- name: MONGOGATE_NEW\n") {
			t.Errorf("%s: %v", v, err)
		}
	}
	if len(own) < 60 {
		t.Errorf("only %d settings of the chart's own", len(own))
	}
}
