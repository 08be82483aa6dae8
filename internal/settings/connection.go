package settings

import (
	"crypto/x509"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/mongogate/mongogate/internal/smallfile"
	"github.com/mongogate/mongogate/pkg/problem"
)

// Reread gives the connection string as it is by now: read again where it came
// from --uri-file, and joined with --tls-ca-file. files are those that the connection reads besides: the authority's, the
// client's certificate and key. Errors contain no part of the string.
func (s *Settings) Reread(read func(name string) ([]byte, error)) (uri Secret, files []string, err error) {
	text := s.URI.Reveal()
	if s.uriFromFile {
		l := loader{Outside: Outside{ReadFile: read}}
		var f *problem.Problem
		if text, f = l.uriIn(s.URIFile); f == nil {
			text, f = withAuthority(text, s.TLSCAFile)
		}
		if f != nil {
			f.Field = "uri-file"
			return "", nil, *f
		}
	}
	return Secret(text), filesOf(text), nil
}

// Files are those that the connection reads besides the connection string.
func (s *Settings) Files() []string { return filesOf(s.URI.Reveal()) }

// FromFiles says whether there are files that the connection is made from.
func (s *Settings) FromFiles() bool { return s.uriFromFile || len(filesOf(s.URI.Reveal())) > 0 }

// uriIn is the connection string in a file.
func (l *loader) uriIn(file string) (string, *problem.Problem) {
	data, f := l.read(file)
	text := trim(string(data))
	switch {
	case f != nil:
		return "", f
	case text == "":
		return "", wrong("the file is empty", "write the connection string into it")
	case len(text) > maxURI || strings.ContainsAny(text, "\r\n"):
		return "", wrong("the file holds more than a connection string", "write the connection string into it and nothing else")
	}
	return text, nil
}

// certificates are the options that name files, in lower case, the authority's first.
var certificates = []string{"tlscafile", "sslcertificateauthorityfile", "tlscertificatekeyfile", "sslclientcertificatekeyfile", "tlscertificatefile", "tlsprivatekeyfile"}

// filesOf lists the files that a connection string names.
func filesOf(uri string) []string {
	var files []string
	for name, value := range optionsOf(uri) {
		if slices.Contains(certificates, name) && value != "" {
			files = append(files, value)
		}
	}
	slices.Sort(files)
	return files
}

// readable refuses files named by a connection string that never end, or are no certificates by their size. What
// is not there, or may not be read, is the driver's to complain about; a pipe is read by it, once.
func readable(uri string) error {
	for _, name := range filesOf(uri) {
		info, err := os.Stat(name)
		switch {
		case err != nil || info.Mode()&os.ModeNamedPipe != 0:
		case !info.Mode().IsRegular():
			return problem.Problem{Message: "a file that it names is a device or a directory", Remedy: "name a file with a certificate"}
		case info.Size() > smallfile.Most:
			return problem.Problem{Message: "a file that it names has more than 1 MB", Remedy: "name a file with a certificate"}
		}
	}
	return nil
}

// optionsOf are the options of a connection string that is right, their names in lower case.
func optionsOf(uri string) map[string]string {
	_, query, _ := strings.Cut(uri, "?")
	all := map[string]string{}
	for option := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(option, "=")
		plainName, err := url.QueryUnescape(name)
		if plain, errValue := url.QueryUnescape(value); err == nil && errValue == nil {
			all[strings.ToLower(plainName)] = plain
		}
	}
	return all
}

// withAuthority adds the file of an authority to a connection string that is right.
func withAuthority(uri, file string) (string, *problem.Problem) {
	if file == "" {
		return uri, nil
	}
	given := optionsOf(uri)
	for _, name := range certificates[:2] {
		if other, ok := given[name]; ok && other != file {
			return "", wrong("the connection string names another file in "+name, "leave one of them out")
		} else if ok {
			return uri, nil
		}
	}
	if given["tls"] == "false" || given["ssl"] == "false" {
		return "", wrong("the connection string says that there is no TLS", "leave this out, or tls=false")
	}
	option := "tlsCAFile=" + url.QueryEscape(file) // which also switches TLS on
	switch _, rest, _ := strings.Cut(uri, "://"); {
	case strings.Contains(rest, "?"):
		return strings.TrimSuffix(uri, "&") + "&" + option, nil
	case strings.Contains(rest, "/"):
		return uri + "?" + option, nil
	}
	return uri + "/?" + option, nil
}

// checkAuthority adds --tls-ca-file to the connection string.
func (l *loader) checkAuthority(s *Settings) {
	if s.TLSCAFile == "" {
		return
	}
	data, f := l.read(s.TLSCAFile)
	if f == nil && !x509.NewCertPool().AppendCertsFromPEM(data) {
		f = wrong("there is no certificate in the file", "write the authority's certificate into it, in PEM: it begins with -----BEGIN CERTIFICATE-----")
	}
	uri := s.URI.Reveal()
	if f == nil && uri != "" && l.CheckURI(uri) == nil {
		if uri, f = withAuthority(uri, s.TLSCAFile); f == nil {
			s.URI = Secret(uri)
		}
	}
	if f != nil {
		l.refuse("tls-ca-file", *f)
	}
}
