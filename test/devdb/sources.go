package devdb

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// newerSource is an apt source, in the deb822 form, for another suite of the
// mirror from which this machine gets its own suite (codename).
func newerSource(etc, codename, suite string) (string, error) {
	var files []string
	for _, pattern := range []string{"sources.list.d/*.sources", "sources.list", "sources.list.d/*.list"} {
		found, err := filepath.Glob(filepath.Join(etc, pattern))
		if err != nil {
			return "", fmt.Errorf("find apt's sources: %w", err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read apt's sources: %w", err)
		}
		parse := oneLineSource
		if strings.HasSuffix(file, ".sources") {
			parse = stanzaSource
		}
		if uri, signedBy := parse(string(text), codename); uri != "" {
			source := fmt.Sprintf("Types: deb\nURIs: %s\nSuites: %s\nComponents: main\n", uri, suite)
			if signedBy != "" {
				source += "Signed-By: " + signedBy + "\n"
			}
			return source, nil
		}
	}
	return "", fmt.Errorf("no source of %s in %s from which to get the C libraries that the engine needs; set %s", codename, etc, uriVariable)
}

// stanzaSource finds the mirror of a suite in a file of the deb822 form.
func stanzaSource(text, codename string) (uri, signedBy string) {
	for _, stanza := range strings.Split(text, "\n\n") {
		fields := map[string]string{}
		for line := range strings.Lines(stanza) {
			if key, value, ok := strings.Cut(line, ":"); ok && !strings.HasPrefix(line, "#") {
				fields[strings.ToLower(key)] = strings.TrimSpace(value)
			}
		}
		uris := strings.Fields(fields["uris"])
		if len(uris) > 0 && slices.Contains(strings.Fields(fields["suites"]), codename) && fields["enabled"] != "no" {
			return uris[0], fields["signed-by"]
		}
	}
	return "", ""
}

// oneLineSource finds the mirror of a suite in a file of the form
// deb [options] uri suite components.
func oneLineSource(text, codename string) (uri, signedBy string) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "deb ")
		if !ok {
			continue
		}
		signedBy := ""
		if options, after, ok := strings.Cut(strings.TrimSpace(rest), "]"); ok {
			rest = after
			for _, option := range strings.Fields(strings.TrimPrefix(options, "[")) {
				if value, ok := strings.CutPrefix(option, "signed-by="); ok {
					signedBy = value
				}
			}
		}
		if words := strings.Fields(rest); len(words) > 2 && words[1] == codename {
			return words[0], signedBy
		}
	}
	return "", ""
}
