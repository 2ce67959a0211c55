package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"telegate/config"
	"telegate/internal/asowner"
	"telegate/internal/exit"
	"telegate/userclient"
)

type configFlag struct {
	Config string `short:"c" default:"telegate.toml" getenv:"TELEGATE_CONFIG" placeholder:"FILE" help:"The configuration file (default $$TELEGATE_CONFIG, or ${default})."`
}

// load reads the configuration.
func (f configFlag) load(env *Env) (*config.Config, error) {
	cfg, err := config.Load(f.Config, env.Getenv)
	if err != nil {
		return nil, exit.AsUsage(err)
	}
	if t := cfg.Messaging.Telegram; !userclient.InBuild && (t.Session != "" || t.Fallback.Enabled) {
		cfg.Warnings = append(cfg.Warnings, userclient.ErrNotInBuild.Error())
	}
	return cfg, nil
}

// owner returns the owner of the database's folder if root must leave the command to that user.
func (f configFlag) owner(env *Env) (asowner.Owner, bool) {
	database, err := config.LoadDatabase(f.Config)
	if err != nil || env.Args == nil {
		return asowner.Owner{}, false // the command itself reports an error of the configuration
	}
	return asowner.Other(database.Path)
}

// leaveToOwner runs the whole command as the owner of the database's folder, if root must leave it to that user.
func (f configFlag) leaveToOwner(env *Env) (done bool, err error) {
	o, other := f.owner(env)
	if !other {
		return false, nil
	}
	return true, o.Run(asowner.Streams{Stdin: env.Stdin, Stdout: env.Stdout, Stderr: env.Stderr}, env.Args...)
}

// leaveWritingToOwner is leaveToOwner for a command that writes a file, and others with a suffix. That user may not write where root does, so
// the command gets a folder of its own there, and root takes the files over.
func (f configFlag) leaveWritingToOwner(env *Env, file string, suffixes []string, args func(file string) []string) (done bool, err error) {
	o, other := f.owner(env)
	if !other {
		return false, nil
	}
	for _, suffix := range suffixes {
		if _, err := os.Lstat(file + suffix); err == nil {
			return true, fmt.Errorf("%s%s is there already: %w; name another file, or remove that one first", file, suffix, fs.ErrExist)
		}
	}
	folder, err := o.Lend(file)
	if err != nil {
		return true, fmt.Errorf("write beside %s: %w", file, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	lent := filepath.Join(folder, filepath.Base(file))
	var stdout, stderr bytes.Buffer
	err = o.Run(asowner.Streams{Stdin: env.Stdin, Stdout: &stdout, Stderr: &stderr}, args(lent)...)
	fmt.Fprint(env.Stderr, strings.ReplaceAll(stderr.String(), lent, file))
	if err != nil {
		return true, err
	}
	for _, suffix := range suffixes {
		if err := asowner.Take(lent+suffix, file+suffix); err != nil {
			return true, err
		}
	}
	fmt.Fprint(env.Stdout, strings.ReplaceAll(stdout.String(), lent, file))
	return true, nil
}

// loadDatabase reads only the section [database].
func (f configFlag) loadDatabase() (config.Database, error) {
	d, err := config.LoadDatabase(f.Config)
	if err != nil {
		return d, exit.AsUsage(err)
	}
	return d, nil
}
