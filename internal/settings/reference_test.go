package settings

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/use/settings.md anew")

const reference = "../../docs/use/settings.md"

func TestReferenceIsUpToDate(t *testing.T) {
	want := markdown()
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/use/settings.md is not what the table says; run go test ./internal/settings -run Reference -update")
	}
	for _, row := range table {
		if !strings.Contains(want, "`"+row.variable()+"`") {
			t.Errorf("the reference has no %s", row.name)
		}
	}
}
