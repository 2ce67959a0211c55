// Package exit has the exit statuses, and says which error leads to which.
package exit

import (
	"errors"
	"fmt"

	"telegate/config"
)

// Exit statuses.
const (
	OK     = 0
	Failed = 1 // the command ran and failed
	Usage  = 2 // the command line or the configuration is wrong
)

// usageError is a mistake in the command line or the configuration, found before the command did anything.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// AsUsage marks an error as a mistake in the command line or the configuration.
func AsUsage(err error) error { return usageError{err} }

// Usagef makes such an error.
func Usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// StatusError is the error of a command that another process has run to this exit status. That process has said what was wrong.
type StatusError int

func (e StatusError) Error() string { return fmt.Sprintf("ended with status %d", int(e)) }

// Status is the exit status of a command that ended with err; nil is success.
func Status(err error) int {
	var faults *config.Error
	var usage usageError
	var ended StatusError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &ended):
		return int(ended)
	case errors.As(err, &faults), errors.As(err, &usage):
		return Usage
	}
	return Failed
}
