//go:build unix && !linux

package asowner

import (
	"os"
	"syscall"
)

func readEverything() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func itself() (string, error) { return os.Executable() }
