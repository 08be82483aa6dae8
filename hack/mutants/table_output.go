package main

const (
	linesGo = "internal/telemetry/lines.go"
	logGo   = "internal/telemetry/log.go"
	limitGo = "internal/serve/limit.go"

	linesUnit = "./internal/telemetry -run=Test(ABlockedLog|LongLines|AFailedWrite|APipe|NoForgedLine|LinesOfTheLog)"
)

// outputMutants are of what leaves a gate: that nobody who does not take it
// holds the gate up, and that it is fit to be read.
func outputMutants() []mutant {
	return []mutant{
		{
			name: "log-is-waited-for", protects: "output: who logs does not wait for who reads",
			edits: []edit{{linesGo, "\t\tgo l.drain() // ends", "\t\tl.mu.Unlock()\n\t\tl.drain()\n\t\tl.mu.Lock() // ends"}},
			tests: []string{linesUnit},
		},
		{
			name: "log-without-bound", protects: "output: what waits for a reader is bounded",
			edits: []edit{{linesGo, "for len(l.queue) > queuedLines || l.size > queuedBytes && len(l.queue) > 1 {", "for false {"}},
			tests: []string{linesUnit},
		},
		{
			name: "log-drops-in-silence", protects: "output: the log says what is missing from it",
			edits: []edit{{linesGo, "if l.missing > 0 {", "if false {"}},
			tests: []string{linesUnit},
		},
		{
			name: "log-dies-of-a-pipe", protects: "output: the death of the log's reader does not end the gate",
			edits: []edit{{linesGo, "unix.F_DUPFD_CLOEXEC, 3); err == nil {", "unix.F_DUPFD_CLOEXEC, 3); err == nil && n < 0 {"}},
			tests: []string{"./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/gone"},
		},
		{
			name: "exit-waits-for-the-log", protects: "output: the end of a process waits for its log for a short time only",
			edits: []edit{
				{linesGo, "\tcase <-time.After(within):\n", "\tcase <-time.After(1000 * within):\n"},
				{linesGo, "!since.IsZero() && time.Since(since) >= within {", "!since.IsZero() && time.Since(since) >= 1000*within {"},
			},
			tests: []string{linesUnit},
		},
		{
			name: "driver-logs-in-a-renewal", protects: "output: the driver's own log, which is waited for, is off in a gate",
			edits: []edit{{"internal/agent/driverlog.go", `if !strings.HasPrefix(name, "MONGODB_LOG_") {`, "if true {"}},
			tests: []string{"./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/driver"},
		},
		{
			name: "log-to-stderr-itself", protects: "output: a gate's log goes through the queue",
			edits: []edit{{linesGo, "func NewLines(f *os.File) *Lines {\n", "func NewLines(f *os.File) *Lines {\n\tif true {\n\t\treturn &Lines{direct: f}\n\t}\n"}, {linesGo, "type Lines struct {\n", "type Lines struct {\n\tdirect *os.File\n"}, {linesGo, "func (l *Lines) Write(b []byte) (int, error) {\n", "func (l *Lines) Write(b []byte) (int, error) {\n\tif l.direct != nil {\n\t\treturn l.direct.Write(b)\n\t}\n"}},
			tests: []string{"./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/terminal"},
		},
		{
			name: "connections-without-limit", protects: "output: who opens connections without end takes no descriptors",
			edits: []edit{{limitGo, "if len(l.open) > l.most {", "if false {"}},
			tests: []string{"./internal/serve -run=TestConnectionsAreLimited"},
		},
		{
			name: "end-waits-for-a-file", protects: "output: a state directory that hangs does not hold up the end",
			edits: []edit{{"internal/holder/recorder.go", "\tcase <-ended:\n\tcase <-time.After(r.budget / 4):", "\tcase <-ended:\n\tcase <-time.After(1000 * r.budget):"}},
			tests: []string{"./internal/holder -run=TestAStateDirectoryThatHangs"},
		},
		{
			name: "forged-lines", protects: "output: a record is one line in which everything shows",
			edits: []edit{{logGo, "p.Lines.Write(printable.Line(record))", "p.Lines.Write(record)"}},
			tests: []string{linesUnit},
		},
		{
			name: "cells-as-they-are", protects: "output: what others have written moves no cursor and begins no line in a table",
			edits: []edit{{"cmd/sidecar/table.go", "shown[i] = printable.Text(c, maxCell)", "shown[i] = c"}},
			tests: []string{"./cmd/sidecar -run=TestHostileDocuments"},
		},
		{
			name: "errors-as-they-are", protects: "output: the last error is one line for each problem of ours",
			edits: []edit{{"cmd/sidecar/report.go", "fmt.Fprintln(stderr, \"mongogate:\", printable.Text(line, printable.Message))", "fmt.Fprintln(stderr, \"mongogate:\", line+printable.Text(\"\", 0))"}},
			tests: []string{"./cmd/sidecar -run=TestReportShowsEverything"},
		},
		{
			name: "json-as-it-is", protects: "output: JSON for machines is read by people too",
			edits: []edit{{"cmd/sidecar/view.go", "append(printable.JSON(b), '\\n')", "append(append(b, printable.JSON(nil)...), '\\n')"}},
			tests: []string{"./cmd/sidecar -run=TestHostileDocuments"},
		},
		{
			name: "events-as-they-are", protects: "output: an Event's message is bounded and shows everything",
			edits: []edit{{"internal/kube/events.go", "printable.Text(ev.Message, maxMessage)", "clip(ev.Message, maxMessage)+printable.Text(\"\", 0)"}},
			tests: []string{"./internal/kube -run=TestAMessageShowsEverything"},
		},
		{
			name: "installed-copy-is-readable", protects: "secrets: no process of the same user reads the environment of a probe or a starting gate",
			edits: []edit{{"cmd/sidecar/install.go", "const unreadable = 0o111", "const unreadable = 0o755"}},
			tests: []string{"./cmd/sidecar -run=TestAWatcherReadsNothing"},
		},
		{
			name: "files-without-end", protects: "settings: no more is read of a file than belongs there",
			edits: []edit{{"internal/smallfile/smallfile.go", "io.ReadAll(io.LimitReader(f, most+1))", "io.ReadAll(io.LimitReader(f, 1<<28))"}},
			tests: []string{"./internal/smallfile -run=^TestNoMoreIsTaken$"},
		},
		{
			name: "state-files-that-wait", protects: "state directory: what others leave there is not waited for",
			edits: []edit{{"internal/smallfile/smallfile.go", "if !info.Mode().IsRegular() {", "if !info.Mode().IsRegular() && false {"}},
			tests: []string{"./internal/statedir -run=TestStateFilesAreSmall"},
		},
		{
			name: "records-without-bound", protects: "output: a record is of bounded length",
			edits: []edit{{logGo, "if len(text) <= printable.Message {", "if true {"}},
			tests: []string{linesUnit},
		},
	}
}
