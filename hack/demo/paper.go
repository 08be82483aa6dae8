//go:build linux

package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// paper is what the show is written on: lines that fit, colours only on a terminal.
type paper struct {
	out    *os.File
	width  int
	colour bool
	start  time.Time
	steps  int
}

func newPaper(out *os.File) *paper {
	p := &paper{out: out, width: 80}
	if size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err == nil {
		p.colour = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
		if size.Col >= 40 {
			p.width = min(int(size.Col), 100)
		}
	}
	return p
}

// begin starts the clock that the lines show.
func (p *paper) begin() { p.start = time.Now() }

// The styles of ECMA-48.
const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
)

func (p *paper) styled(style, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}

func (p *paper) title(text string) { fmt.Fprintf(p.out, "\n%s\n\n", p.styled(bold, text)) }

// step is the head of an act, and what is about to be seen.
func (p *paper) step(name, about string) {
	p.steps++
	fmt.Fprintf(p.out, "\n%s  %s\n", p.styled(bold, fmt.Sprintf("%d. %s", p.steps, name)), p.styled(dim, about))
}

func (p *paper) text(text string) { p.print("", text, "") }

// say is one thing that happened, when, and on which machine.
func (p *paper) say(who, format string, args ...any) {
	p.at(time.Since(p.start), who, fmt.Sprintf(format, args...))
}

func (p *paper) at(when time.Duration, who, text string) {
	p.print(fmt.Sprintf("  %5.1fs  %-3s", when.Seconds(), who), text, "")
}

// proof is a line of the verdict.
func (p *paper) proof(ok bool, text string) {
	mark, style := "proved", green
	if !ok {
		mark, style = "FAILED", red
	}
	p.print("  "+mark+"  ", text, style)
}

// print wraps text at words, the following lines below the first; mark is styled.
func (p *paper) print(mark, text, style string) {
	indent := strings.Repeat(" ", len(mark))
	head := mark
	if style != "" {
		head = p.styled(style, mark)
	} else if mark != "" {
		head = p.styled(dim, mark)
	}
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(indent)+len([]rune(line))+1+len([]rune(word)) > p.width {
			fmt.Fprintln(p.out, head+line)
			head, line = indent, ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	fmt.Fprintln(p.out, head+line)
}
