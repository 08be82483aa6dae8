// Package printable makes text that somebody else has written fit to be read
// by people: in a terminal, a line of a log, an Event, an error.
//
// Promised: what it returns moves no cursor, rings no bell, begins no new line,
// turns no direction of writing and hides nothing; it is as long as was asked
// for, at most; text without such signs is returned as it is. Not promised: that it can be
// turned back. A text that holds the letters \u001b looks like one that holds the sign.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// The lengths in bytes that fit most places.
const (
	// Name is for owners, pods and whatever else names somebody.
	Name = 200
	// Message is for errors and other sentences.
	Message = 2000
)

const more = "…"

// Text is text with every sign escaped that is not plainly visible, as JSON
// does it: \u001b. It has at most most bytes; a longer one ends with an ellipsis.
func Text(text string, most int) string {
	if len(text) <= most && plain(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		piece := text[:size]
		if !visible(r, size) {
			piece = escape(r)
		}
		if rest := text[size:]; b.Len()+len(piece) > most || rest != "" && b.Len()+len(piece)+len(more) > most {
			if b.Len()+len(more) > most { // not even room for that
				return b.String()
			}
			b.WriteString(more)
			return b.String()
		}
		b.WriteString(piece)
		text = text[size:]
	}
	return b.String()
}

// JSON is a document in JSON whose strings hold nothing that does not show: what is escaped reads the same to a
// parser. Line ends and blanks between its parts stay.
func JSON(document []byte) []byte { return escaped(document, "\n", escape) }

// YAML does the same with a document in YAML, of which each scalar with such a sign stands in double quotes.
func YAML(document []byte) []byte {
	return escaped(document, "\n", func(r rune) string {
		if r > 0xffff {
			return `\U` + pad(r, 8)
		}
		return escape(r)
	})
}

// Line is a line of a log, in JSON or as text, with the line's own end if it has one.
func Line(line []byte) []byte {
	body, end := line, ""
	if n := len(line); n > 0 && line[n-1] == '\n' {
		body, end = line[:n-1], "\n"
	}
	return append(escaped(body, "", escape), end...)
}

// Visible says whether nothing in a text has to be escaped.
func Visible(text string) bool { return plain(text) }

func escaped(text []byte, keep string, escape func(rune) string) []byte {
	out := make([]byte, 0, len(text)+1)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if visible(r, size) || strings.ContainsRune(keep, r) {
			out = append(out, text[:size]...)
		} else {
			out = append(out, escape(r)...)
		}
		text = text[size:]
	}
	return out
}

func plain(text string) bool {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if !visible(r, size) {
			return false
		}
		i += size
	}
	return true
}

// visible: letters, marks, digits, punctuation and symbols that show, and the plain blank. Not: control signs of both
// sets, other blanks, line and paragraph separators, signs for the direction of writing, whatever has no width, and what Unicode has not assigned.
func visible(r rune, size int) bool {
	if r < utf8.RuneSelf {
		return r >= ' ' && r < 0x7f
	}
	if r == utf8.RuneError && size == 1 { // no UTF-8
		return false
	}
	return unicode.IsPrint(r) && r != brailleBlank && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// brailleBlank is a symbol, and looks like nothing.
const brailleBlank = '\u2800'

func escape(r rune) string {
	if r > 0xffff {
		high, low := utf16.EncodeRune(r)
		return escape(high) + escape(low)
	}
	return `\u` + pad(r, 4)
}

func pad(r rune, digits int) string {
	hex := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", digits-len(hex)) + hex
}
