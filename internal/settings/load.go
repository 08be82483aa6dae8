package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/pflag"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/pkg/mongolock"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Outside is what Load reads of the world, and the rules that are not its own.
type Outside struct {
	// Environ is the environment, as of os.Environ.
	Environ []string
	// ReadFile reads the YAML file, --uri-file and the pod's labels.
	ReadFile func(name string) ([]byte, error)
	// ReadLink says where a symbolic link leads; nil: nowhere. It gives /etc/localtime its name.
	ReadLink func(name string) (string, error)
	// Hostname and UID are the machine's name and the user's number.
	Hostname string
	UID      int
	// Now is the start of the run, which decides its bucket on a plain machine.
	Now time.Time
	// CheckURI refuses connection strings that the lock cannot use; nil is the lock's own rule.
	CheckURI func(uri string) error
}

// Variable is the value of a variable; empty if there is none.
func (o Outside) Variable(name string) string { return lookup(o.Environ, name) }

// System is the world that the process lives in.
func System() Outside {
	host, _ := os.Hostname() // no name: --owner is asked for
	return Outside{Environ: os.Environ(), ReadFile: readFile, ReadLink: os.Readlink, Hostname: host, UID: os.Getuid(), Now: time.Now()}
}

// readWithin is how long a pipe's writer may take, such as a program that fetches the secret.
const readWithin = 30 * time.Second

// readFile reads what is named in a setting, which may be a pipe.
func readFile(name string) ([]byte, error) { return smallfile.Once(name, 2*smallfile.Most, readWithin) }

// Where a value came from, the stronger the higher.
const (
	rankDefault = iota
	rankPlatform
	rankFile
	rankVariable
	rankFlag
)

// value is a setting's text on its way.
type value struct {
	text string
	from string
	rank int
}

type loader struct {
	Outside
	command string
	values  map[string]value
	err     *Error
}

// Load reads the settings of a subcommand from its flags, which [Register]
// made and pflag has parsed, and from outside. The error is an [*Error] with
// every problem; its settings are not to be used.
func Load(cmd string, flags *pflag.FlagSet, out Outside) (*Settings, error) {
	s, _, err := load(cmd, flags, out)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// load gives the settings as far as they can be read; bad are those that cannot.
func load(cmd string, flags *pflag.FlagSet, out Outside) (s *Settings, bad map[string]bool, err error) {
	l := &loader{Outside: out, command: cmd, values: map[string]value{}, err: new(Error)}
	rule := l.CheckURI
	if rule == nil {
		rule = mongolock.CheckURI
	}
	l.CheckURI = func(uri string) error {
		if err := readable(uri); err != nil { // the driver would read it to its end
			return err
		}
		return rule(uri)
	}
	for _, row := range table {
		l.put(row.name, row.fallback, "default", rankDefault)
	}
	l.readFlags(flags)
	l.readVariables()
	l.readFile()
	l.readPlatform()
	l.derive()

	s = &Settings{Command: cmd, InPod: inPod(out.Environ), sources: l.values, start: out.Now}
	s.kubernetes = s.InPod || l.values["job-name"].text != ""
	bad = map[string]bool{}
	for _, row := range table {
		v := l.values[row.name]
		if v.text == "" {
			continue
		}
		if f := row.set(s, v.text); f != nil {
			bad[row.name] = true
			l.refuse(row.name, *f)
		}
		if row.secret() { // from here on only the field has it: fmt prints what is in unexported fields
			v.text = redacted
			l.values[row.name] = v
		}
	}
	l.readURI(s)
	l.check(s, bad)
	return s, bad, l.err.orNil()
}

// put gives a setting a value, unless it has one from a stronger source.
func (l *loader) put(name, text, from string, rank int) {
	if rank < rankFlag {
		text = trim(text)
	}
	if text != "" && rank >= l.values[name].rank || rank == rankDefault {
		l.values[name] = value{text: text, from: from, rank: rank}
	}
}

// trim takes off what editors, echo and Secrets leave around a value: blanks, line breaks, a byte order mark. No
// setting has a use for them. A flag is as it was typed.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\uFEFF' })
}

// problem adds what is wrong with a setting.
func (l *loader) problem(name, message, remedy string) {
	l.refuse(name, problem.Problem{Message: message, Remedy: remedy})
}

// refuse adds a problem of a setting, with the value that it has.
func (l *loader) refuse(name string, p problem.Problem) {
	p.Field = name
	if v := l.values[name]; v.text != "" {
		row, _ := find(name)
		p.Source, p.Value = v.from, row.show(v.text)
	}
	l.err.Problems = append(l.err.Problems, p)
}

func (l *loader) readFlags(flags *pflag.FlagSet) {
	if flags == nil {
		return
	}
	flags.Visit(func(f *pflag.Flag) {
		if _, ours := f.Value.(*given); !ours {
			return
		}
		if f.Value.String() == "" {
			l.err.Problems = append(l.err.Problems, problem.Problem{Field: f.Name, Source: "flag --" + f.Name, Message: "the flag is empty", Remedy: "give a value, or leave the flag out"})
		}
		l.put(f.Name, f.Value.String(), "flag --"+f.Name, rankFlag)
	})
}

func (l *loader) readVariables() {
	given, problems := readEnviron(l.Environ)
	l.err.Problems = append(l.err.Problems, problems...)
	for _, row := range table {
		l.put(row.name, given[row.variable()], "variable "+row.variable(), rankVariable)
	}
}

func (l *loader) readFile() {
	name := l.values["config"].text
	if name == "" {
		return
	}
	data, f := l.read(name)
	if f != nil {
		l.refuse("config", *f)
		return
	}
	entries, problems := readYAML(name, data)
	l.err.Problems = append(l.err.Problems, problems...)
	for _, e := range entries {
		l.put(e.row.name, e.text, place(name, e.line), rankFile)
	}
}

// read reads a file. It repeats nothing of its name, which may be a
// connection string that was put into the wrong setting.
func (l *loader) read(name string) ([]byte, *problem.Problem) {
	if strings.Contains(name, "://") {
		return nil, wrong("this is no name of a file", "give a path")
	}
	data, err := l.ReadFile(name)
	var path *fs.PathError
	switch {
	case err == nil:
		return data, nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong("there is no such file", "give the path of a file that exists")
	case errors.Is(err, fs.ErrPermission):
		return nil, wrong("no permission to read the file", fmt.Sprintf("make it readable for the user %d", l.UID))
	case errors.Is(err, smallfile.ErrLarge):
		return nil, wrong("there is more in the file than belongs there", "give the path of a file of at most 1 MB")
	case errors.Is(err, smallfile.ErrSilent):
		return nil, wrong(fmt.Sprintf("nothing could be read within %v: a pipe that nobody writes into, or a file system that does not answer", readWithin), "give the path of a regular file")
	case errors.As(err, &path):
		return nil, wrong("the file cannot be read: "+path.Err.Error(), "give the path of a file")
	default:
		return nil, wrong("the file cannot be read", "give the path of a file")
	}
}

// readPlatform takes what the pod was told. It needs --pod-labels, so it comes after the stronger sources.
func (l *loader) readPlatform() {
	labels := l.values["pod-labels"]
	data, f := l.read(labels.text)
	if f != nil && labels.rank > rankDefault {
		l.refuse("pod-labels", *f)
	}
	given := readLabels(data)
	for name, candidates := range podLabels {
		for _, label := range slices.Backward(candidates) { // the first is the strongest
			l.put(name, given[label], "label "+label+" in "+labels.text, rankPlatform)
		}
	}
	if !inPod(l.Environ) {
		return
	}
	for _, row := range table {
		if name := podVariables[row.name]; name != "" {
			l.put(row.name, lookup(l.Environ, name), "variable "+name, rankPlatform)
		}
	}
	if l.values["namespace"].text == "" {
		if data, f := l.read(namespaceFile); f == nil {
			l.put("namespace", strings.TrimSpace(string(data)), namespaceFile, rankPlatform)
		}
	}
}

// derive fills in the defaults that depend on where and as what we run.
func (l *loader) derive() {
	fill := func(name, text string) {
		if l.values[name].text == "" {
			l.put(name, text, "default", rankDefault)
		}
	}
	fill("state-dir", stateDirectory(l.Environ, l.UID))
	if l.command == "run" {
		fill("probe-address", None)
	} else {
		fill("probe-address", "unix:"+l.values["state-dir"].text+"/probe.sock")
	}
	fill("if-held", l.ifHeld())
	if fill("owner", l.values["pod"].text); l.values["owner"].text == "" {
		fill("owner", l.Hostname)
	}
	if l.values["log-format"].text == "auto" {
		format := "text"
		if inPod(l.Environ) {
			format = "json"
		}
		v := l.values["log-format"]
		l.values["log-format"] = value{text: format, from: v.from, rank: v.rank}
	}
}

// ifHeld is what a run does that finds its lock held. A run that is left to a
// holder who then fails is done only if somebody tries again: a Kubernetes Job
// does, and so may a caller who is told by exit code 77. cron and timers do not.
func (l *loader) ifHeld() string {
	if l.values["job-name"].text != "" || l.values["fail-if-held"].text == "true" {
		return Skip
	}
	return Wait
}

// maxURI is more than any connection string has.
const maxURI = 16 << 10

// readURI takes the connection string from --uri-file, unless --uri comes from
// a stronger source.
func (l *loader) readURI(s *Settings) {
	uri, file := l.values["uri"], l.values["uri-file"]
	if uri.text != "" && file.text != "" && uri.rank == file.rank {
		l.problem("uri-file", "both this and uri are given by "+plural(uri.rank), "leave one of them out")
		return
	}
	if file.text == "" || uri.rank > file.rank {
		return
	}
	text, f := l.uriIn(file.text)
	if f != nil {
		l.refuse("uri-file", *f)
		return
	}
	s.URI, s.uriFromFile = Secret(text), true
	l.values["uri"] = value{text: redacted, from: "file " + show(file.text), rank: file.rank}
}

func plural(rank int) string {
	switch rank {
	case rankFlag:
		return "flags"
	case rankVariable:
		return "variables"
	default:
		return "the file"
	}
}
