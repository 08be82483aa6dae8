//go:build linux

package docs

import (
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mongogate/mongogate/pkg/gate"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/test/must"
)

func killed(t mongolock.Timing) time.Duration { return t.Deadline(0) + t.KillBudget*3/4 }

// TestArithmeticTable computes every number of the table in docs/use/safety.md anew.
func TestArithmeticTable(t *testing.T) {
	for _, row := range tableIn(t, pageOf(t, "docs/use/safety.md"), "All of it follows from the ttl", 4) {
		var got [8]time.Duration
		for i, cell := range row {
			d, err := time.ParseDuration(cell)
			if err != nil {
				t.Fatalf("%v: %v", row, err)
			}
			got[i] = d
		}
		tm := mongolock.Timing{TTL: got[0]}.WithDefaults()
		want := [8]time.Duration{tm.TTL, tm.Heartbeat, tm.Operation, tm.KillBudget, tm.Drift(), tm.Deadline(0), killed(tm), tm.Silence()}
		if got != want {
			t.Errorf("the row of %s: %v, want %v", row[0], got, want)
		}
		if err := tm.Validate(); err != nil {
			t.Error(err)
		}
	}
}

// TestOutageTable computes what a longer ttl gives and costs, in docs/kubernetes/outage.md.
func TestOutageTable(t *testing.T) {
	text := pageOf(t, "docs/kubernetes/outage.md")
	for _, row := range tableIn(t, text, "A longer ttl rides out longer outages", 4) {
		ttl := must.Get(time.ParseDuration(row[0]))(t)
		tm := mongolock.Timing{TTL: ttl}.WithDefaults()
		want := []string{tm.TTL.String(), tm.Outage().String(), tm.Silence().String(), strconv.Itoa(int(math.Ceil((tm.KillBudget + tm.Operation).Seconds())))}
		if !slices.Equal(row, want) {
			t.Errorf("the row of %s: %v, want %v", row[0], row, want)
		}
	}
	// And what the page says of the default.
	tm := mongolock.Timing{}.WithDefaults()
	for _, d := range []time.Duration{tm.Outage(), tm.Deadline(0) - tm.Heartbeat, tm.Deadline(0), tm.TTL - tm.Drift(), tm.Silence(), tm.Heartbeat + tm.Operation} {
		if want := strconv.FormatFloat(d.Seconds(), 'f', -1, 64); !strings.Contains(text, want+" s") {
			t.Errorf("%s s are not in the page", want)
		}
	}
}

// TestDefaultTimes: the README's numbers and the picture's are those of the default ttl.
func TestDefaultTimes(t *testing.T) {
	tm := mongolock.Timing{}.WithDefaults()
	if err := (gate.Budget{Kill: tm.KillBudget, KillAfter: tm.KillBudget * 3 / 4}).Validate(); err != nil {
		t.Error(err)
	}
	seconds := func(d time.Duration) string { return strings.TrimSuffix(d.String(), "s") + " s" }
	numbers := []string{
		seconds(tm.Deadline(0)), seconds(killed(tm)), seconds(tm.Deadline(0) + tm.KillBudget), seconds(tm.Silence()), "ttl", seconds(tm.TTL),
	}
	for _, name := range []string{"README.md", "docs/use/lease.svg"} {
		text := must.Get(os.ReadFile(filepath.Join(root, name)))(t)
		for _, n := range numbers {
			if !strings.Contains(string(text), n) {
				t.Errorf("%s does not say %q", name, n)
			}
		}
	}
}

// TestPicture: well-formed, with words for those who do not see it, for light and for dark screens.
func TestPicture(t *testing.T) {
	b := must.Get(os.ReadFile(filepath.Join(root, "docs/use/lease.svg")))(t)
	var svg struct {
		XMLName struct{} `xml:"http://www.w3.org/2000/svg svg"`
		Title   string   `xml:"title"`
		Desc    string   `xml:"desc"`
		Style   string   `xml:"style"`
		Texts   []string `xml:"text"`
	}
	must.Do(t, xml.Unmarshal(b, &svg))
	if svg.Title == "" || svg.Desc == "" || len(svg.Texts) < 30 || !strings.Contains(svg.Style, "prefers-color-scheme:dark") {
		t.Errorf("%+v", svg)
	}
}

// TestThePromiseIsTheSameEverywhere: it is quoted, not told anew.
func TestThePromiseIsTheSameEverywhere(t *testing.T) {
	const promise = `> At most one holder of a key runs at any moment, as long as clock *rates* differ by less than the
> drift margin, the workload can be stopped within its kill budget, and the store keeps what a
> majority acknowledged. What happens outside the pod is protected only if it checks the fencing token.
`
	for _, name := range []string{"README.md", "docs/use/safety.md"} {
		if !strings.Contains(pageOf(t, name), promise) {
			t.Errorf("%s does not have the promise, word for word", name)
		}
	}
}
