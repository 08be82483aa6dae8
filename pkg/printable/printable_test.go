package printable_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/mongogate/mongogate/pkg/printable"
	"github.com/mongogate/mongogate/test/must"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                 "",
		"pod-7 in prod/eu (3)":             "pod-7 in prod/eu (3)",
		"Grüße, 東京, ناقل, ±½":              "Grüße, 東京, ناقل, ±½",
		"a\x1b[31mred":                     `a\u001b[31mred`,
		"ding\a":                           `ding\u0007`,
		"one\ntwo\rthree\ttab":             `one\u000atwo\u000dthree\u0009tab`,
		"csi\u009b2J":                      `csi\u009b2J`,
		"no utf-8 \x9b\xff":                `no utf-8 \ufffd\ufffd`,
		"ab\u202etxt.exe":                  `ab\u202etxt.exe`,
		"\u2066isolate\u2069":              `\u2066isolate\u2069`,
		"zero\u200bwidth\u2060\ufeff":      `zero\u200bwidth\u2060\ufeff`,
		"line\u2028paragraph\u2029":        `line\u2028paragraph\u2029`,
		"nbsp\u00a0soft\u00ad":             `nbsp\u00a0soft\u00ad`,
		"hangul\u3164\u115f braille\u2800": `hangul\u3164\u115f braille\u2800`,
		"tag\U000e0041":                    `tag\udb40\udc41`,
		"nul\x00del\x7f":                   `nul\u0000del\u007f`,
		"variation\ufe0f":                  `variation\ufe0f`,
	} {
		if got := printable.Text(in, 100); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
		if printable.Visible(in) != (in == want) {
			t.Errorf("%q: visible: %v", in, printable.Visible(in))
		}
	}
}

func TestTextIsAsLongAsItMayBe(t *testing.T) {
	for _, in := range []string{strings.Repeat("a", 3<<20), strings.Repeat("\x1b", 100), strings.Repeat("é", 100), "ab\x1bcd", "\x1b"} {
		for most := range 40 {
			got := printable.Text(in, most)
			if len(got) > most || !utf8.ValidString(got) {
				t.Errorf("%.20q at %d: %d bytes: %q", in, most, len(got), got)
			}
			if most >= 6 && got == "" {
				t.Errorf("%.20q at %d: nothing is left", in, most)
			}
			if whole := printable.Text(in, 1<<30); got != whole && most >= 3 && !strings.HasSuffix(got, "…") {
				t.Errorf("%.20q at %d: cut without a word: %q", in, most, got)
			}
		}
	}
}

// Every sign there is, in a line of a log and in a document.
func TestNothingHidden(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r >= 0xd800 && r < 0xe000 || r > 0x20000 && r < 0xe0000 {
			continue
		}
		in := "a" + string(r) + "b"
		if line := string(printable.Line([]byte(in + "\n"))); !strings.HasSuffix(line, "b\n") || !printable.Visible(strings.TrimSuffix(line, "\n")) {
			t.Fatalf("%U in a line: %q", r, line)
		}
		if strings.ContainsFunc(printable.Text(in, 100), func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
			t.Fatalf("%U: %q", r, printable.Text(in, 100))
		}
		if r%7 != 0 && r > 0x3000 { // all of the dangerous ones, and a part of the rest
			continue
		}
		document := must.Get(json.Marshal(map[string]string{"owner": in}))(t)
		document = printable.JSON(append(document, '\n'))
		var back map[string]string
		if err := json.Unmarshal(document, &back); err != nil || back["owner"] != in {
			t.Fatalf("%U in JSON: %v, %q from %s", r, err, back["owner"], document)
		}
		if !printable.Visible(strings.TrimSuffix(string(document), "\n")) {
			t.Fatalf("%U in JSON: %q", r, document)
		}
	}
}
