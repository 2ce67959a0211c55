//go:build unix

package api

import "syscall"

// maxConnections is how many connections the API serves at a time: half of the files that the process may open. The other half is for the
// database and Telegram, which strangers must not be able to take away.
func maxConnections() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur > 2*mostConnections {
		return mostConnections
	}
	return max(int(files.Cur/2), 1)
}
