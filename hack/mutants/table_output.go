package main

const linesUnit = "./internal/telemetry -run=Test(ABlockedLog|LongLines|AFailedWrite|APipe|NoForgedLine|LinesOfTheLog)"

// outputMutants are of what leaves a gate: that nobody who does not take it
// holds the gate up, and that it is fit to be read.
var outputMutants = []mutant{
	take("log-is-waited-for", "output: who logs does not wait for who reads", edits{{"Lines.Write", "go l.drain()", "l.mu.Unlock(); l.drain(); l.mu.Lock()"}}, linesUnit),
	take("log-without-bound", "output: what waits for a reader is bounded",
		edits{{"Lines.Write", "for len(l.queue) > queuedLines || l.size > queuedBytes && len(l.queue) > 1 {", "for false {"}}, linesUnit),
	take("log-drops-in-silence", "output: the log says what is missing from it", edits{{"Lines.next", "if l.missing > 0 {", "if false {"}}, linesUnit),
	take("log-dies-of-a-pipe", "output: the death of the log's reader does not end the gate",
		edits{{"NewLines", "unix.F_DUPFD_CLOEXEC, 3); err == nil {", "unix.F_DUPFD_CLOEXEC, 3); err == nil && n < 0 {"}}, "./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/gone"),
	take("exit-waits-for-the-log", "output: the end of a process waits for its log for a short time only", edits{
		{"Lines.Flush", "case <-time.After(within):", "case <-time.After(1000 * within):"},
		{"Lines.Flush", "!since.IsZero() && time.Since(since) >= within {", "!since.IsZero() && time.Since(since) >= 1000*within {"},
	}, linesUnit),
	take("driver-logs-in-a-renewal", "output: the driver's own log, which is waited for, is off in a gate",
		edits{{"silenceDriver", `if !strings.HasPrefix(name, "MONGODB_LOG_") {`, "if true {"}}, "./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/driver"),
	take("log-to-stderr-itself", "output: a gate's log goes through the queue", edits{
		{"NewLines", "fd := -1", "if true { return &Lines{direct: f} }; fd := -1"},
		{"Lines", "Lines struct {", "Lines struct { direct *os.File"},
		{"Lines.Write", "l.mu.Lock()", "if l.direct != nil { return l.direct.Write(b) }; l.mu.Lock()"},
	}, "./cmd/sidecar -run=TestNothingOutsideHoldsUpAGate/terminal"),
	take("connections-without-limit", "output: who opens connections without end takes no descriptors",
		edits{{"limited.Accept", "if len(l.open) > l.most {", "if false {"}}, "./internal/serve -run=TestConnectionsAreLimited"),
	take("end-waits-for-a-file", "output: a state directory that hangs does not hold up the end",
		edits{{"recorder.Close", "_ = within(r.budget/4,", "_ = within(1000*r.budget,"}}, "./internal/agent -run=TestAStateDirectoryThatHangs"),
	take("forged-lines", "output: a record is one line in which everything shows", edits{{"printed.Write", "p.Lines.Write(printable.Line(record))", "p.Lines.Write(record)"}}, linesUnit),
	take("cells-as-they-are", "output: what others have written moves no cursor and begins no line in a table",
		edits{{"table.row", "shown[i] = printable.Text(c, maxCell)", "shown[i] = c"}}, "./cmd/sidecar -run=TestHostileDocuments"),
	take("errors-as-they-are", "output: the last error is one line for each problem of ours",
		edits{{"report", "printable.Text(line, printable.Message)", `line+printable.Text("", 0)`}}, "./cmd/sidecar -run=TestReportShowsEverything"),
	take("json-as-it-is", "output: JSON for machines is read by people too",
		edits{{"render", `append(printable.JSON(b), '\n')`, `append(append(b, printable.JSON(nil)...), '\n')`}}, "./cmd/sidecar -run=TestHostileDocuments"),
	take("events-as-they-are", "output: an Event's message is bounded and shows everything",
		edits{{"kube.event", "printable.Text(ev.Message, maxMessage)", `ev.Message[:min(len(ev.Message), maxMessage)]+printable.Text("", 0)`}}, "./internal/kube -run=TestAMessageShowsEverything"),
	take("installed-copy-is-readable", "secrets: no process of the same user reads the environment of a probe or a starting gate",
		edits{{"unreadable", "unreadable = 0o111", "unreadable = 0o755"}}, "./cmd/sidecar -run=TestAWatcherReadsNothing"),
	take("files-without-end", "settings: no more is read of a file than belongs there",
		edits{{"smallfile.all", "io.ReadAll(io.LimitReader(f, most+1))", "io.ReadAll(io.LimitReader(f, 1<<28))"}}, "./internal/smallfile -run=^TestNoMoreIsTaken$"),
	take("state-files-that-wait", "state directory: what others leave there is not waited for",
		edits{{"Read", "if !info.Mode().IsRegular() {", "if !info.Mode().IsRegular() && false {"}}, "./internal/statedir -run=TestStateFilesAreSmall"),
	take("records-without-bound", "output: a record is of bounded length", edits{{"telemetry.cut", "if len(text) <= printable.Message {", "if true {"}}, linesUnit),
}
