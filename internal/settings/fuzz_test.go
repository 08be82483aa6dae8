package settings

import (
	"strings"
	"testing"
)

// Whatever the file, its problems have a message, a place and a remedy, and do not repeat a password that stands in it as a value.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"uri: %\n", "uri: *%", "uri: !%", "uri: &% x\nttl: *%", "fence: [kill, %]", "ttl: 30s\n? %\n: x", "uri: |\n  %\n", "uri: \"%", "{uri: %", "a: &a [*a, %]", "uri: !!binary %", "<<: {uri: %}", "--- %\n...\n--- x", "%YAML 9.9\n---\nuri: x"} {
		f.Add(strings.ReplaceAll(s, "%", canary))
	}
	f.Fuzz(func(t *testing.T, text string) {
		entries, problems := readYAML("f.yaml", []byte(text))
		for _, p := range problems {
			if p.Message == "" || p.Remedy == "" || !strings.HasPrefix(p.Source, "f.yaml") {
				t.Fatalf("incomplete: %+v", p)
			}
			// A key that nobody knows is named, if it is a plain word.
			if strings.Contains(p.String(), canary) && !strings.HasPrefix(p.Message, "no setting has the key") {
				t.Fatalf("%q: the password is in %s", text, p)
			}
		}
		for _, e := range entries {
			if e.text == "" || e.line < 1 || e.row.name == "" {
				t.Fatalf("%q: entry %+v", text, e)
			}
			_ = e.row.set(new(Settings), e.text)
		}
	})
}

// Whatever stands behind the name, no message shows the middle of a connection string.
func FuzzConnectionString(f *testing.F) {
	for _, s := range []string{"mongodb://u:%@h/", "mongodb://u:a@%@h/?w=1", "mongodb+srv://u:x%zz%@h", "u:%@h", "mongodb://u:%", "mongodb://h/?password=%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		uri = strings.ReplaceAll(uri, "\x00", "")
		uri = "mongodb://user:" + canary + "@" + uri
		for _, w := range []world{
			{env: []string{"MONGOGATE_KEY=k"}, args: []string{"--uri=" + uri}},
			{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_URI=" + uri}},
			{env: []string{"MONGOGATE_KEY=k"}, args: []string{"--uri" + uri}},
			{env: []string{"MONGOGATE_KEY=k", "MONGOGATE_TTL=" + uri, "MONGOGATE_DATABASE=" + uri, "MONGOGATE_PROTECTION=" + uri, "MONGOGATE_BUCKET=" + uri, "MONGOGATE_URI_FILE=" + uri, "MONGOGATE_CONFIG=" + uri}},
			{yaml: "key: k\nuri: '" + uri + "'"},
		} {
			s, err := w.load(t, "sidecar", func(o *Outside) { o.CheckURI = checkURI })
			if err != nil && strings.Contains(err.Error(), canary) {
				t.Fatalf("%v: %v", w, err)
			}
			if err == nil {
				for _, src := range s.Sources() {
					if strings.Contains(src.Value, canary) {
						t.Fatalf("source %+v", src)
					}
				}
			}
		}
	})
}
