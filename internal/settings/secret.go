package settings

const redacted = "[redacted]"

// Secret is text that is never shown: however it is printed, marshalled or
// logged, it reads [redacted]. Reveal is the one way to the text. Two places
// are beyond its reach: unexported fields that hold it, which fmt prints as they
// are, and keys of maps in JSON. Keep it out of both.
type Secret string

// Reveal returns the text.
func (s Secret) Reveal() string { return string(s) }

func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// GoString is for %#v.
func (s Secret) GoString() string { return `config.Secret("` + s.String() + `")` }

// MarshalText is for JSON and YAML, which ask for it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalLog is for logr.
func (s Secret) MarshalLog() any { return s.String() }
