//go:build !unix

package config

import (
	"io/fs"
	"os"
)

// sameOwner does nothing: files have no owner and group as on Unix.
func sameOwner(*os.File, fs.FileInfo) bool { return false }
