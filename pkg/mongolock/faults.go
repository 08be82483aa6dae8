package mongolock

import (
	"errors"
	"strings"

	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/x/mongo/driver/topology"
)

// repeatable tells errors that say "nothing was done, ask again": the loser of
// a race of first inserts. FerretDB 2.7 answers that loser with FailedToParse
// about $$NOW, because its own repeat loses the variable.
func repeatable(err error) bool {
	if mongo.IsDuplicateKeyError(err) {
		return !foreignIndex(err)
	}
	var ce mongo.CommandError
	return errors.As(err, &ce) && ce.Code == 9 && strings.Contains(ce.Message, "$$NOW operator cannot be used within this specific context")
}

// unsent tells errors before anything was sent: no server was found to send it to.
func unsent(err error) bool { return errors.As(err, new(topology.ServerSelectionError)) }

// refusals are the codes by which a server says that it will never do what was
// asked, as it was asked (src/mongo/base/error_codes.yml).
var refusals = map[int32]string{ //nolint:gochecknoglobals // a constant table
	2:     "BadValue",
	9:     "FailedToParse",
	13:    "Unauthorized",
	14:    "TypeMismatch",
	18:    "AuthenticationFailed",
	20:    "IllegalOperation",
	40:    "ConflictingUpdateOperators",
	59:    "CommandNotFound",
	72:    "InvalidOptions",
	73:    "InvalidNamespace",
	121:   "DocumentValidationFailure",
	166:   "CommandNotSupportedOnView",
	8000:  "AtlasError",
	17276: "use of undefined variable",
	40324: "unrecognized pipeline stage",
	10334: "BSONObjectTooLarge",
}

// Denied says that the server does not let in who asks, or not do what it asks
// for: a sign-in that failed, a missing right. New credentials or a grant may mend it.
func Denied(err error) bool {
	var ce mongo.CommandError
	if !errors.As(err, &ce) {
		return false
	}
	switch ce.Code {
	case 13, 18, 391, 8000: // Unauthorized, AuthenticationFailed, ReauthenticationRequired, AtlasError
		return true
	}
	return false
}

// refused tells errors that no repetition mends.
func refused(err error) bool {
	if errors.Is(err, ErrConfig) || foreignIndex(err) {
		return true
	}
	if repeatable(err) {
		return false
	}
	if errors.Is(err, mongo.ErrClientDisconnected) {
		return true
	}
	var ce mongo.CommandError
	if errors.As(err, &ce) {
		_, ok := refusals[ce.Code]
		return ok
	}
	var we mongo.WriteException
	if errors.As(err, &we) && we.WriteConcernError == nil {
		for _, e := range we.WriteErrors {
			if _, ok := refusals[int32(e.Code)]; ok { //nolint:gosec // server codes are small
				return true
			}
		}
	}
	return false
}

// foreignIndex tells a duplicate key of another unique index than that of _id, which no repetition mends.
func foreignIndex(err error) bool {
	return mongo.IsDuplicateKeyError(err) && strings.Contains(err.Error(), " index: ") && !strings.Contains(err.Error(), " index: _id_ ")
}
