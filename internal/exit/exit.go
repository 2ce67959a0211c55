// Package exit says how a command ends: the statuses, and which error leads to which.
package exit

import (
	"errors"

	"telegate/config"
)

// Exit statuses.
const (
	OK     = 0
	Failed = 1 // it was tried and failed
	Usage  = 2 // the command line or the configuration is wrong
)

// usageError is a mistake in the command line or the configuration that was found before anything was tried.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// AsUsage marks an error as a mistake of the command line or the configuration.
func AsUsage(err error) error { return usageError{err} }

// Status is the exit status of a command that ended with err; nil is success.
func Status(err error) int {
	var faults *config.Error
	var usage usageError
	switch {
	case err == nil:
		return OK
	case errors.As(err, &faults), errors.As(err, &usage):
		return Usage
	}
	return Failed
}
