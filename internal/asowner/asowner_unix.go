//go:build unix

// Package asowner lets a command of root's work in a folder of another user as that user. Root must not work there by name: the folder's
// owner can replace any file by a link at any moment, and root would read or change the link's target.
package asowner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"telegate/internal/exit"
)

// Owner is the user that a folder belongs to.
type Owner struct{ uid, gid uint32 }

// Other returns the owner of a file's folder if this process is root and the folder belongs to another user. If the file is a symbolic link,
// the folder of its target counts, too.
func Other(file string) (Owner, bool) {
	if os.Geteuid() != 0 {
		return Owner{}, false
	}
	if o, ok := ownerOf(filepath.Dir(file)); ok && o.uid != 0 {
		return o, true
	}
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return Owner{}, false // opening the file reports it
	}
	o, ok := ownerOf(filepath.Dir(target))
	return o, ok && o.uid != 0
}

func ownerOf(folder string) (Owner, bool) {
	info, err := os.Stat(folder)
	if err != nil {
		return Owner{}, false
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Owner{}, false
	}
	return Owner{s.Uid, s.Gid}, true
}

// Open opens a file for reading. For root, it follows no symbolic link in a folder of another user: that user could have it read any file.
func Open(file string) (*os.File, error) {
	if o, ok := ownerOf(filepath.Dir(file)); os.Geteuid() != 0 || !ok || o.uid == 0 {
		return os.Open(file)
	}
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, syscall.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link in a folder of another user, and root follows none there; name its target", file)
	}
	return f, err
}

// Streams are the streams of a process.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Run runs this program with other arguments as the owner. On Linux that process may read everything, as root may, but it can write only
// what the owner can. The error is exit.StatusError if the process ran and failed; it has said why.
func (o Owner) Run(streams Streams, args ...string) error {
	err := o.run(streams, args, readEverything())
	if errors.Is(err, syscall.EPERM) { // a container may not have the right to read everything
		err = o.run(streams, args, &syscall.SysProcAttr{})
	}
	var ended *exec.ExitError
	switch {
	case errors.As(err, &ended) && ended.Exited():
		return exit.StatusError(ended.ExitCode())
	case errors.As(err, &ended):
		return fmt.Errorf("the command has not finished: %w; run it again", err) // a signal has ended it, so it said nothing
	}
	if err != nil {
		return fmt.Errorf("run telegate as the owner of the database's folder, the user %d: %w; run the command as that user", o.uid, err)
	}
	return nil
}

func (o Owner) run(streams Streams, args []string, attr *syscall.SysProcAttr) error {
	program, err := itself()
	if err != nil {
		return err
	}
	attr.Credential = &syscall.Credential{Uid: o.uid, Gid: o.gid}
	c := &exec.Cmd{Path: program, Args: append([]string{"telegate"}, args...), SysProcAttr: attr}
	c.Stdin, c.Stdout, c.Stderr = streams.Stdin, streams.Stdout, streams.Stderr
	// This process stays until the other has ended, and cleans up after it. A terminal sends an interrupt to both.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, os.Interrupt)
	defer close(signals)
	defer signal.Stop(signals)
	if err := c.Start(); err != nil {
		return err
	}
	go func() {
		for s := range signals {
			if s == syscall.SIGTERM {
				_ = c.Process.Signal(s)
			}
		}
	}()
	return c.Wait()
}

// Lend makes a folder beside a file, for what the owner writes. The caller takes the files out and removes it.
func (o Owner) Lend(beside string) (string, error) {
	folder, err := os.MkdirTemp(filepath.Dir(beside), ".telegate-")
	if err != nil {
		return "", err
	}
	if err := os.Lchown(folder, int(o.uid), int(o.gid)); err != nil {
		return "", errors.Join(err, os.Remove(folder))
	}
	return folder, nil
}

// Take moves a file out of a lent folder and makes it root's own, with mode 0600. It replaces no file (fs.ErrExist). It refuses anything but
// a file with a single name, because the owner can have put a link there.
func Take(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return &os.PathError{Op: "create", Path: to, Err: os.ErrExist}
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	if err := own(to); err != nil {
		return errors.Join(fmt.Errorf("take over %s: %w", to, err), os.Remove(to))
	}
	return nil
}

func own(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); !ok || !info.Mode().IsRegular() || s.Nlink != 1 {
		return errors.New("it is not a file of its own")
	}
	return errors.Join(f.Chown(os.Geteuid(), os.Getegid()), f.Chmod(0o600), f.Sync())
}
