package mongolock

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/mongogate/mongogate/test/must"
)

var update = flag.Bool("update", false, "write testdata/sent anew")

// TestWhatIsSent keeps every request of the protocol as extended JSON below testdata/sent, to be read as the server gets it.
func TestWhatIsSent(t *testing.T) {
	timing := Timing{}.WithDefaults()
	a := attempt{
		key: "team/report", nonce: "NONCE", mark: 1, owner: "pod-a", timing: timing, seen: 2,
		holder: Holder{Cluster: "east", Namespace: "team", Pod: "pod-a", PodUID: "uid", Node: "n1", Job: "report", JobUID: "job-uid"},
	}
	whole := a
	whole.adopt, whole.watched = []string{"EARLIER"}, &beatOf{nonce: "SILENT", beat: 3}
	release := ending{nonce: "NONCE", try: 1, known: []int64{1}}
	renew := renewal{nonce: a.nonce, timing: timing, beat: 4, mark: 5, known: []int64{1}}
	revoke := revoking{}.change(a.key, timing.Operation)
	done := release
	done.done, done.purge = &Done{By: "pod-a", JobUID: "job-uid", Outcome: "succeeded"}, 30*24*time.Hour
	for name, sent := range map[string]struct{ filter, pipeline any }{
		"acquire-free": {byID(a.key), a.plain()},
		"acquire":      {byID(a.key), whole.pipeline()},
		"renew":        {held(a.key, a.nonce), renew.pipeline()},
		"release":      {release.filter(a.key), release.pipeline()},
		"done":         {done.filter(a.key), done.pipeline()},
		"revoke":       {revoke.Filter, revoke.Pipeline},
	} {
		b := must.Get(bson.MarshalExtJSON(bson.D{{Key: "filter", Value: sent.filter}, {Key: "pipeline", Value: sent.pipeline}}, false, false))(t)
		var text bytes.Buffer
		must.Do(t, json.Indent(&text, b, "", "  "))
		text.WriteByte('\n')
		path := filepath.Join("testdata", "sent", name+".json")
		if *update {
			must.Do(t, os.MkdirAll(filepath.Dir(path), 0o755))
			must.Do(t, os.WriteFile(path, text.Bytes(), 0o644))
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(want, text.Bytes()) {
			t.Errorf("%s is not what is sent (%v): go test ./pkg/mongolock -run TestWhatIsSent -update", path, err)
		}
	}
}
