package fakemongo

import "fmt"

// Error is an error as the server reports it to a client. Codes are those of
// MongoDB's src/mongo/base/error_codes.yml, or the number of the assertion.
type Error struct {
	Code    int32
	Name    string
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("(%s) %s", e.Name, e.Message) }

// Codes that verdicts and tests name.
const (
	CodeMaxTimeMSExpired    = 50
	CodeWriteConcernTimeout = 64
	CodePrimarySteppedDown  = 189
	CodeNotWritablePrimary  = 10107
	CodeDuplicateKey        = 11000
)

var codeNames = map[int32]string{
	2: "BadValue", 9: "FailedToParse", 14: "TypeMismatch", 20: "IllegalOperation", 26: "NamespaceNotFound", 50: "MaxTimeMSExpired",
	59: "CommandNotFound", 64: "WriteConcernFailed", 66: "ImmutableField", 72: "InvalidOptions", 189: "PrimarySteppedDown",
	238: "NotImplemented", 241: "ConversionFailure", 10107: "NotWritablePrimary", 11000: "DuplicateKey",
}

func fail(code int32, format string, args ...any) error {
	name, ok := codeNames[code]
	if !ok {
		name = fmt.Sprintf("Location%d", code)
	}
	return &Error{Code: code, Name: name, Message: fmt.Sprintf(format, args...)}
}

// unsupported refuses what MongoDB may well do and this package does not.
func unsupported(format string, args ...any) error {
	return fail(238, "fakemongo does not implement "+format, args...)
}
