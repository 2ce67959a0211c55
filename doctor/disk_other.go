//go:build !(linux || darwin || freebsd)

package doctor

import "errors"

// FreeSpace is not to be found out here.
func FreeSpace(string) (int64, error) { return 0, errors.ErrUnsupported }
