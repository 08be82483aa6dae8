package settings

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/mongogate/mongogate/internal/bucket"
	"github.com/mongogate/mongogate/pkg/problem"
)

// wrong says why a text is no value of a setting.
func wrong(message, remedy string) *problem.Problem {
	return &problem.Problem{Message: message, Remedy: remedy}
}

// set reads a text into the setting's field.
func (row setting) set(s *Settings, text string) *problem.Problem {
	if row.check != nil {
		if f := row.check(text); f != nil {
			return f
		}
	}
	if strings.ContainsFunc(text, unicode.IsControl) && !row.secret() {
		return wrong("it contains a control character", "take it out")
	}
	switch field := row.field(s).(type) {
	case *string:
		if len(row.oneOf) != 0 && !slices.Contains(row.oneOf, text) {
			return wrong("not one of the words that are possible", "give "+alternatives(row.oneOf))
		}
		*field = text
	case *Secret:
		*field = Secret(text)
	case *bool:
		if text != "true" && text != "false" {
			return wrong("neither true nor false", "give true or false")
		}
		*field = text == "true"
	case *[]string:
		return parseList(field, text, row.oneOf)
	case *time.Duration:
		return parseDuration(field, text, row.zero)
	case **time.Location:
		return parseZone(field, text)
	case *bucket.Spec:
		parse := bucket.ParseSpec
		if s.kubernetes {
			parse = bucket.ParseCronJobSpec
		}
		spec, err := parse(text)
		*field = spec
		return wrongOf(err)
	case **bucket.Template:
		template, err := bucket.ParseTemplate(text)
		*field = template
		return wrongOf(err)
	default:
		panic(fmt.Sprintf("setting %s: no way to read a %T", row.name, field))
	}
	return nil
}

func wrongOf(err error) *problem.Problem {
	var p problem.Problem
	if errors.As(err, &p) {
		return &p
	}
	return nil
}

func alternatives(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// parseList reads the words that are right also where others are not.
func parseList(field *[]string, text string, oneOf []string) (bad *problem.Problem) {
	var list []string
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if len(oneOf) != 0 && !slices.Contains(oneOf, word) {
			if bad == nil {
				bad = wrong(show(word)+" is not one of the words that are possible", "give one or more of "+strings.Join(oneOf, ", ")+", with commas between")
			}
			continue
		}
		if !slices.Contains(list, word) {
			list = append(list, word)
		}
	}
	*field = list
	return bad
}

// maxDuration is more than anybody means, and far from where sums overflow.
const maxDuration = 10 * 366 * 24 * time.Hour

func parseDuration(field *time.Duration, text string, zero bool) *problem.Problem {
	const remedy = "give a number with a unit, such as 500ms, 30s, 1h or 7d"
	d, err := time.ParseDuration(text)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * 24 * time.Hour
	}
	switch {
	case err != nil:
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return wrong("a number without a unit", remedy)
		}
		return wrong("not a duration", remedy)
	case d < 0:
		return wrong("it is negative", remedy)
	case d == 0 && !zero:
		return wrong("it has to be more than zero", remedy+", or leave it out")
	case d > 0 && d < time.Millisecond:
		return wrong("it is shorter than a millisecond", "give 10ms or more")
	case d > maxDuration:
		return wrong("it is longer than ten years", remedy)
	}
	*field = d
	return nil
}

func parseZone(field **time.Location, text string) *problem.Problem {
	const remedy = "give a name of the IANA database, such as UTC or Europe/Berlin"
	if text == "Local" {
		return wrong("machines differ in what is local", remedy)
	}
	zone, err := time.LoadLocation(text)
	if err != nil {
		return wrong("no such time zone", remedy)
	}
	*field = zone
	return nil
}

// address allows host:port, unix:/path and none.
func address(text string) *problem.Problem {
	const remedy = "give host:port, :port, unix:/path or none"
	if text == None {
		return nil
	}
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		switch {
		case !filepath.IsAbs(path):
			return wrong("the path of a socket has to be absolute", remedy)
		case len(path) > 107: // sun_path of unix(7), with its final zero byte
			return wrong(fmt.Sprintf("the path of a socket has %d bytes, more than 107", len(path)), "give a shorter path")
		}
		return nil
	}
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return wrong("not an address", remedy)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return wrong("the port is not a number from 1 to 65535", remedy)
	}
	return nil
}

// anybodys are programs that most workloads could begin with.
var anybodys = []string{"sh", "bash", "ash", "dash", "zsh", "busybox", "env", "tini", "pause"} //nolint:gochecknoglobals // a constant table

// programs allows names of programs, with commas between, that say something of a container.
func programs(text string) *problem.Problem {
	for word := range strings.SplitSeq(text, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "" || strings.Contains(word, "/"):
			return wrong(show(word)+" is not the name of a program", "give the last part of its path, such as pilot-agent")
		case slices.Contains(anybodys, word):
			return wrong(show(word)+" may begin the workload's container as well", "give the container that is to be spared the variable MONGOGATE_SPARED=true instead (kubectl debug has --env)")
		}
	}
	return nil
}

func absolute(text string) *problem.Problem {
	if !filepath.IsAbs(text) {
		return wrong("not an absolute path", "begin it with /")
	}
	return nil
}

func digits(text string) *problem.Problem {
	if _, err := strconv.ParseUint(text, 10, 31); err != nil {
		return wrong("not a whole number", "give the number that Kubernetes gave the pod, 0, 1, 2, …")
	}
	return nil
}

// databaseName follows MongoDB's manual, Naming Restrictions: the strictest of its platforms.
func databaseName(text string) *problem.Problem {
	switch {
	case strings.ContainsAny(text, "/\\. \"$*<>:|?\x00"):
		return wrong("a database's name cannot contain any of /\\. \"$*<>:|?", "take it out")
	case len(text) > 63:
		return wrong(fmt.Sprintf("%d bytes, and a database's name can have 63", len(text)), "shorten it")
	case text == "admin" || text == "local" || text == "config":
		return wrong("this database belongs to MongoDB itself", "name another, such as mongolock")
	}
	return nil
}

// collectionName follows the same page. The 255 bytes are database, dot and collection together.
func collectionName(text string) *problem.Problem {
	switch {
	case strings.ContainsAny(text, "$\x00"):
		return wrong("a collection's name cannot contain $", "take it out")
	case strings.HasPrefix(text, "system."):
		return wrong("collections that begin with system. belong to MongoDB itself", "name another, such as lock")
	case strings.HasPrefix(text, ".") || strings.HasSuffix(text, "."):
		return wrong("a collection's name cannot begin or end with a dot", "take it off")
	case len(text) > 255-64:
		return wrong(fmt.Sprintf("%d bytes, more than 191", len(text)), "shorten it")
	}
	return nil
}
