package devdb

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mongogate/mongogate/test/must"
)

func TestNewerSource(t *testing.T) {
	const want = "Types: deb\nURIs: http://mirror/debian\nSuites: trixie\nComponents: main\n"
	for _, c := range []struct{ name, file, text, want string }{
		{
			"stanzas", "sources.list.d/debian.sources",
			"Types: deb\nURIs: http://mirror/security\nSuites: bookworm-security\n\nTypes: deb\n# a comment: here\nURIs: http://mirror/debian\n" +
				"Suites: bookworm bookworm-updates\nComponents: main\nSigned-By: /keys.gpg\n",
			want + "Signed-By: /keys.gpg\n",
		},
		{
			"a stanza that is off", "sources.list.d/debian.sources",
			"Types: deb\nURIs: http://mirror/debian\nSuites: bookworm\nEnabled: no\n", "",
		},
		{"lines", "sources.list", "# deb http://old/ bookworm main\ndeb http://mirror/debian bookworm main contrib\n", want},
		{
			"a line with options", "sources.list.d/d.list",
			"deb [arch=amd64 signed-by=/keys.gpg] http://mirror/debian bookworm main\n", want + "Signed-By: /keys.gpg\n",
		},
		{"another suite", "sources.list", "deb http://mirror/debian bullseye main\n", ""},
	} {
		etc := t.TempDir()
		path := filepath.Join(etc, c.file)
		must.Do(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must.Do(t, os.WriteFile(path, []byte(c.text), 0o644))
		got, err := newerSource(etc, "bookworm", "trixie")
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q (%v), want %q", c.name, got, err, c.want)
		}
	}
}

func TestOlder(t *testing.T) {
	for have, want := range map[string]bool{"2.36": true, "2.38": false, "2.41": false, "3.0": false, "1.99": true, "2.4": true} {
		if got := older(have, "2.38"); got != want {
			t.Errorf("%s is older than 2.38: %t, want %t", have, got, want)
		}
	}
}
