package settings

import (
	"io/fs"
	"testing"

	"github.com/spf13/pflag"
)

// TestWhatIsLeftAroundAValue: editors, echo and Secrets leave line breaks, blanks and a byte order mark; in a variable
// and in a file they are no part of the value, for any setting.
func TestWhatIsLeftAroundAValue(t *testing.T) {
	good := map[string]string{
		"uri": "mongodb://h/?replicaSet=rs", "key": "team/a", "ttl": "40s", "namespace": "n", "name": "w", "database": "d", "collection": "c",
		"owner": "o", "on-loss": "wait", "change-stream": "false", "fail-if-held": "false", "log-level": "debug", "timezone": "Europe/Berlin", "bucket": "none",
	}
	for name, value := range good {
		row, ok := find(name)
		if !ok {
			t.Fatal(name)
		}
		for _, around := range []string{"%\n", "%\r\n", " %", "\t% ", "\uFEFF%\n", "% \n\n"} {
			text := around[:indexOf(around)] + value + around[indexOf(around)+1:]
			for way, out := range map[string]Outside{
				"variable": {Environ: []string{row.variable() + "=" + text}},
				"file":     {Environ: []string{"MONGOGATE_CONFIG=/f"}, ReadFile: func(string) ([]byte, error) { return []byte(row.key() + ": |\n  " + value + "\n"), nil }},
			} {
				if out.ReadFile == nil {
					out.ReadFile = func(string) ([]byte, error) { return nil, fs.ErrNotExist }
				}
				for need, v := range map[string]string{"uri": good["uri"], "key": "k"} {
					if need != name {
						r, _ := find(need)
						out.Environ = append(out.Environ, r.variable()+"="+v)
					}
				}
				flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
				Register("run", flags)
				s, err := Load("run", flags, out)
				if err != nil {
					t.Errorf("%s, %s %q: %v", way, name, text, err)
					continue
				}
				if name == "uri" && s.URI.Reveal() != value || name == "key" && s.Lock.Key != value || name == "owner" && s.Owner != value {
					t.Errorf("%s, %s %q: %q, %q, %q", way, name, text, s.URI.Reveal(), s.Lock.Key, s.Owner)
				}
			}
		}
	}
}

func indexOf(around string) int {
	for i, r := range around {
		if r == '%' {
			return i
		}
	}
	return 0
}
