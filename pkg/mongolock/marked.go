package mongolock

import (
	"context"
	"errors"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

// markedError is a store's error, in its own words, that errors.Is also finds as ErrUnknown or ErrUnavailable.
type markedError struct{ err, as error }

func (e *markedError) Error() string   { return e.err.Error() }
func (e *markedError) Unwrap() []error { return []error{e.err, e.as} }

// marked says of the error of a call what a caller can do about it: nothing is
// known ([ErrUnknown]), because the store was not to be had ([ErrUnavailable]). Answers stay what they are.
func marked(err error) error {
	switch {
	case err == nil, errors.Is(err, mongo.ErrNoDocuments), repeatable(err):
		return err
	case unavailable(err):
		return &markedError{err, ErrUnavailable}
	case refused(err):
		return err
	}
	return &markedError{err, ErrUnknown}
}

// noPrimary are the codes of a member that is none, or is going (src/mongo/base/error_codes.yml).
var noPrimary = map[int32]bool{ //nolint:gochecknoglobals // a constant table
	91: true, 189: true, 10058: true, 10107: true, 11600: true, 11602: true, 13435: true, 13436: true, // ShutdownInProgress, PrimarySteppedDown, NotWritablePrimary and its kin
	133: true, // FailedToSatisfyReadPreference, of a router
}

// unavailable tells errors of a store that was not reached, did not answer in time, or has nobody to answer.
func unavailable(err error) bool {
	if errors.Is(err, mongo.ErrClientDisconnected) || errors.Is(err, context.DeadlineExceeded) || mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return true
	}
	var ce mongo.CommandError
	return errors.As(err, &ce) && noPrimary[ce.Code]
}
