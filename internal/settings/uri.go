package settings

import (
	"net"
	"net/url"
	"strings"
)

// carriesSecret says whether a connection string, right or wrong, has anything
// in it that is not for the list of processes: a password, or an option that holds one.
func carriesSecret(uri string) bool {
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		rest = uri
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 && strings.Contains(rest[:at], ":") {
		return true
	}
	lower := strings.ToLower(rest)
	return strings.Contains(lower, "password=") || strings.Contains(lower, "token:") || strings.Contains(lower, "token%3a")
}

// repeatsSecret says whether a message has any part of the connection string's
// user information or options in it.
func repeatsSecret(message, uri string) bool {
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return strings.Contains(message, uri)
	}
	var parts []string
	secrets := func(text string) {
		parts = append(parts, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("@:/?#[],", r) })...)
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		_, password, _ := strings.Cut(rest[:at], ":")
		secrets(password)
		rest = rest[at+1:]
	} else if _, port, ok := strings.Cut(rest, ":"); ok { // or the password of a string that was cut short
		if port, _, _ = strings.Cut(port, "/"); strings.Trim(port, "0123456789") != "" {
			secrets(port)
		}
	}
	if _, query, ok := strings.Cut(rest, "?"); ok {
		for option := range strings.SplitSeq(query, "&") {
			if name, v, _ := strings.Cut(option, "="); carriesSecret(option) {
				parts = append(parts, v, strings.TrimPrefix(option, name))
			}
		}
	}
	for _, p := range parts {
		plain, err := url.QueryUnescape(p)
		if err != nil {
			plain = p
		}
		if len(p) > 2 && (strings.Contains(message, p) || strings.Contains(message, plain)) {
			return true
		}
	}
	return false
}

// unencrypted says whether the connection would cross a network without TLS,
// MongoDB's default but for mongodb+srv.
func unencrypted(uri string) bool {
	scheme, rest, _ := strings.Cut(uri, "://")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	hosts, query, _ := strings.Cut(rest, "?")
	hosts, _, _ = strings.Cut(hosts, "/")
	query = strings.ToLower(query)
	if strings.Contains(query, "tls=true") || strings.Contains(query, "ssl=true") || strings.Contains(query, "tlscafile=") {
		return false
	}
	if scheme == "mongodb+srv" {
		return strings.Contains(query, "tls=false") || strings.Contains(query, "ssl=false")
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		isSocket := strings.Contains(strings.ToLower(host), "%2f")
		if host != "localhost" && !isSocket && (ip == nil || !ip.IsLoopback()) {
			return true
		}
	}
	return false
}
