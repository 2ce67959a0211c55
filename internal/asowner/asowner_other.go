//go:build !unix

package asowner

import (
	"errors"
	"io"
	"os"
)

// Owner is the user that a folder belongs to.
type Owner struct{}

// Other reports no owner here: there is no root.
func Other(string) (Owner, bool) { return Owner{}, false }

// Open opens a file for reading.
func Open(file string) (*os.File, error) { return os.Open(file) }

// Streams are the streams of a process.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run fails with errors.ErrUnsupported.
func (Owner) Run(Streams, ...string) error { return errors.ErrUnsupported }

// Lend fails with errors.ErrUnsupported.
func (Owner) Lend(string) (string, error) { return "", errors.ErrUnsupported }

// Take fails with errors.ErrUnsupported.
func Take(string, string) error { return errors.ErrUnsupported }
