package asowner

import "syscall"

// capDACReadSearch is CAP_DAC_READ_SEARCH of linux/capability.h: read every file and search every folder.
const capDACReadSearch = 2

// readEverything keeps root's right to read: systemd's /var/lib/private, the configuration and its secret files belong to root.
func readEverything() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{AmbientCaps: []uintptr{capDACReadSearch}}
}

// itself is this program, also for a user who may not search its folder.
func itself() (string, error) { return "/proc/self/exe", nil }
