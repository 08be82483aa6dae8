package mongolock

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.mongodb.org/mongo-driver/v2/mongo/options"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/connstring"

	"github.com/mongogate/mongogate/pkg/problem"
)

// CheckURI reports what is wrong with a connection string, as a [problem.Problem] or several joined that are [ErrConfig], without connecting
// or looking anything up, and without repeating any secret of it.
func CheckURI(uri string) error {
	err := checkURI(uri)
	if _, query, _ := strings.Cut(uri, "?"); err != nil && strings.Contains(query, "@") {
		// What follows the question mark may be half a password, so nothing of it is quoted.
		return badURI("in a name or password write ? as %3F, @ as %40, / as %2F", "something is wrong with it, and there is an @ behind a question mark")
	}
	return err
}

func badURI(remedy, format string, args ...any) error {
	return problem.Problem{Field: "MongoDB URI", Message: fmt.Sprintf(format, args...), Remedy: remedy, Cause: ErrConfig}
}

func checkURI(uri string) error {
	if uri == "" {
		return badURI("want mongodb://HOST[:PORT][,HOST…]/?replicaSet=NAME or mongodb+srv://HOST/", "empty")
	}
	if strings.ContainsFunc(uri, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return badURI("take it out, or write a blank as %20", "there is a blank or a line break in it")
	}
	if err := syntax(uri); err != nil {
		// The driver quotes what it does not understand, which may be a secret: let it complain of a string without any.
		if err = syntax(harmless(uri)); err == nil {
			return badURI("in them, write % as %25, @ as %40, : as %3A, / as %2F", "its user name, password or a secret option is not written as a URI wants it")
		}
		return badURI("", "%v", err)
	}
	cs, err := parse(uri)
	if err != nil {
		return badURI("", "cannot be parsed") // syntax has found nothing wrong with it
	}
	var errs []error
	if cs.WNumberSet {
		errs = append(errs, badURI("leave w out", "w=%d: a lock needs w=majority", cs.WNumber))
	}
	if cs.WString != "" && cs.WString != "majority" {
		errs = append(errs, badURI("leave w out", "w=%s: a lock needs w=majority", cs.WString))
	}
	for name, values := range cs.UnknownOptions {
		if (name == "j" || name == "safe") && slices.Contains(values, "false") { // other drivers' words for journal=false and w=0
			errs = append(errs, badURI("leave it out", "%s=false: a lock needs what it waives", name))
		}
		if foreignOptions[name] {
			continue
		}
		errs = append(errs, badURI("correct its name, or leave it out", "there is no option %.40q", name))
	}
	if cs.JSet && !cs.J {
		errs = append(errs, badURI("leave it out", "journal=false: a lock needs the journal"))
	}
	return errors.Join(errs...)
}

const srv = "mongodb+srv://"

// plain is the string without the look-up of its hosts, so that the rest of it can be checked.
func plain(uri string) string {
	if rest, ok := strings.CutPrefix(uri, srv); ok {
		return "mongodb://" + rest
	}
	return uri
}

// syntax is the driver's opinion of a string, before any look-up.
func syntax(uri string) error {
	cs, err := parse(uri)
	if err != nil {
		return err
	}
	if strings.HasPrefix(uri, srv) {
		_, port, _ := net.SplitHostPort(cs.Hosts[0])
		if len(cs.Hosts) != 1 || port != "" {
			return errors.New("mongodb+srv wants one host name without a port")
		}
	}
	if err := cs.Validate(); err != nil {
		return fmt.Errorf("error validating uri: %w", err)
	}
	bare, _ := withoutSRV(uri)
	return options.Client().ApplyURI(plain(bare)).Validate()
}

// parse is the driver's parser, on the string without the look-up of its hosts.
// What it has to know of an SRV string is put back, so that it judges the original.
func parse(uri string) (*connstring.ConnString, error) {
	bare, of := withoutSRV(uri)
	cs, err := connstring.Parse(plain(bare))
	if err != nil || !strings.HasPrefix(uri, srv) {
		return cs, err //nolint:wrapcheck // the driver's own words
	}
	cs.Original, cs.Scheme = uri, connstring.SchemeMongoDBSRV
	if !cs.SSLSet {
		cs.SSL, cs.SSLSet = true, true // the default of such a string
	}
	if text, ok := of["srvmaxhosts"]; ok {
		if cs.SRVMaxHosts, err = strconv.Atoi(text); err != nil || cs.SRVMaxHosts < 0 {
			return nil, fmt.Errorf("srvMaxHosts is %q, want a number that is not negative", text)
		}
	}
	if text, ok := of["srvservicename"]; ok {
		if cs.SRVServiceName = text; len(text) < 1 || len(text) > 62 {
			return nil, errors.New("srvServiceName value must be between 1 and 62 characters")
		}
	}
	return cs, nil
}

// withoutSRV takes the options out of an SRV string that no other string may have: the parser refuses them where it looks nothing up.
func withoutSRV(uri string) (bare string, of map[string]string) {
	head, query, ok := strings.Cut(uri, "?")
	if !ok || !strings.HasPrefix(uri, srv) {
		return uri, nil
	}
	if at := strings.LastIndex(query, "@"); at >= 0 && !strings.Contains(head, "@") {
		return uri, nil // the question mark is in a password that is not written as a URI wants it, which the parser tells
	}
	of = map[string]string{}
	var kept []string
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		name, err := url.QueryUnescape(name)
		if lower := strings.ToLower(name); err == nil && (lower == "srvmaxhosts" || lower == "srvservicename") {
			of[lower], _ = url.QueryUnescape(value)
			continue
		}
		kept = append(kept, option)
	}
	return strings.TrimSuffix(head+"?"+strings.Join(kept, "&"), "?"), of
}

// clientOptions are the driver's, for a string that has passed CheckURI. An SRV name is looked up here.
func clientOptions(uri string) (*options.ClientOptions, error) {
	c := options.Client().ApplyURI(uri)
	err := c.Validate()
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		return nil, fmt.Errorf("%w: looking up the hosts of the MongoDB URI: %w", ErrUnavailable, dns)
	}
	if err != nil {
		return nil, badURI("", "%s", withhold(err, uri))
	}
	return c, nil
}

// secretOptions are those whose values are, or may contain, secrets, in lower case.
var secretOptions = map[string]bool{ //nolint:gochecknoglobals // a constant table
	"authmechanismproperties": true, "tlscertificatekeyfilepassword": true, "sslclientcertificatekeypassword": true,
	"proxyusername": true, "proxypassword": true, "sslpass": true, "ssl_pem_passphrase": true, "sslpemkeypassword": true,
}

// harmless is the string with everything replaced that may be a secret.
func harmless(uri string) string {
	scheme, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return "no scheme"
	}
	hosts, query, asked := strings.Cut(rest, "?")
	if at := strings.LastIndex(hosts, "@"); at >= 0 {
		user := "user"
		if strings.Contains(hosts[:at], ":") {
			user = "user:password"
		}
		hosts = user + hosts[at:]
	} else if at := strings.LastIndex(query, "@"); at >= 0 {
		// A question mark in the password, more likely than an @ in an option.
		hosts, query, asked = strings.Cut("user:password"+query[at:], "?")
	} else if strings.Contains(hosts, ":") && !strings.Contains(hosts, "/") {
		// Perhaps a user and a password whose host was forgotten.
		hosts, _, _ = strings.Cut(hosts, ":")
		hosts += ":port"
	}
	var options []string
	for option := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(option, "=")
		switch {
		case !ok && option != "":
			option = "option"
		case secretOptions[strings.ToLower(name)] && strings.Contains(value, ":"):
			option = name + "=NAME:value"
		case secretOptions[strings.ToLower(name)]:
			option = name + "=value"
		}
		options = append(options, option)
	}
	out := scheme + "://" + hosts
	if asked {
		out += "?" + strings.Join(options, "&")
	}
	return out
}

// withhold is an error's text, unless there is a secret of the string in it.
func withhold(err error, uri string) string {
	_, rest, _ := strings.Cut(uri, "://")
	secrets := []string{uri}
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		_, password, _ := strings.Cut(rest[:at], ":")
		secrets = append(secrets, password)
		if u, err := url.QueryUnescape(password); err == nil {
			secrets = append(secrets, u)
		}
	}
	for option := range strings.SplitSeq(rest[strings.Index(rest, "?")+1:], "&") {
		name, value, _ := strings.Cut(option, "=")
		if secretOptions[strings.ToLower(name)] {
			_, property, _ := strings.Cut(value, ":")
			secrets = append(secrets, value, property)
		}
	}
	for _, s := range secrets {
		if s != "" && strings.Contains(err.Error(), s) {
			return "the driver refuses it, in words that contain a secret of the URI"
		}
	}
	return err.Error()
}
