package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"telegate/config"
	"telegate/internal/exit"
)

type configImportCmd struct {
	Source string `arg:"" placeholder:"FILE" help:"MeshCentral's config.json."`
	Out    string `xor:"where" placeholder:"FILE" help:"Write to this new file, which only you can read, instead of standard output."`
	Into   string `xor:"where" placeholder:"FILE" help:"Add to this existing file what it lacks. The rest of it stays unchanged, and the old file is kept."`
}

// Help implements kong.HelpProvider.
func (configImportCmd) Help() string {
	return `It imports the domains with their titles and msg2factor, and the Telegram login. Standard error shows, line by line, what was imported, what was ignored and what needs attention; it shows no secret.

    telegate config import /opt/meshcentral/meshcentral-data/config.json --out telegate.toml
    sudo telegate config import /opt/meshcentral/meshcentral-data/config.json --into /etc/telegate/telegate.toml`
}

// Run makes telegate's configuration from MeshCentral's.
func (c configImportCmd) Run(env *Env) error {
	data, err := readImport(c.Source)
	if err != nil {
		return exit.AsUsage(err)
	}
	imported, err := config.ImportMeshCentral(c.Source, data)
	if err != nil {
		return exit.AsUsage(err)
	}
	if c.Into != "" {
		err = c.merge(env, imported.TOML)
	} else {
		err = c.write(env, imported.TOML)
	}
	if err != nil {
		return err
	}
	attention := 0
	for _, n := range imported.Notes {
		where := c.Source
		if n.Line > 0 {
			where = fmt.Sprintf("%s:%d", c.Source, n.Line)
		}
		if n.Kind == config.Attention {
			attention++
		}
		fmt.Fprintf(env.Stderr, "%s: %-9s  %s\n", where, n.Kind, n.Text)
	}
	if attention == 1 {
		fmt.Fprintln(env.Stderr, "1 line needs attention.")
	} else {
		fmt.Fprintf(env.Stderr, "%d lines need attention.\n", attention)
	}
	if imported.Secrets && c.Out == "" && c.Into == "" && othersCanRead(env.Stdout) {
		fmt.Fprintln(env.Stderr, "The output file holds secrets, and every user of this machine can read it: "+
			"run chmod 600 on it, or next time use --out FILE instead of > FILE.")
	}
	return nil
}

// othersCanRead reports whether w is a file that everybody on the machine can read.
func othersCanRead(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o004 != 0
}

// maxImport limits what is read of a configuration. The reader refuses a larger file.
const maxImport = 1 << 20

func readImport(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read MeshCentral's configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxImport))
	if err != nil {
		return nil, fmt.Errorf("read MeshCentral's configuration: %w", err)
	}
	return data, nil
}

// merge adds the imported settings to an existing configuration.
func (c configImportCmd) merge(env *Env, imported []byte) error {
	old, err := os.ReadFile(c.Into)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return exit.Usagef("%s does not exist; to write a new file, use --out %[1]s", c.Into)
	case err != nil:
		return fmt.Errorf("read the configuration: %w", err)
	}
	merged, err := config.Merge(c.Into, old, imported)
	if err != nil {
		return exit.AsUsage(fmt.Errorf("%w; nothing was changed", err))
	}
	for _, key := range merged.Kept {
		fmt.Fprintf(env.Stdout, "kept   %s: %s has it already\n", key, c.Into)
	}
	for _, key := range merged.Added {
		fmt.Fprintf(env.Stdout, "added  %s\n", key)
	}
	if len(merged.Added) == 0 {
		_, err := fmt.Fprintf(env.Stdout, "%s has everything already and is not changed.\n", c.Into)
		return err
	}
	backup, err := config.Save(c.Into, old, merged.Content, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.Stdout, "The old file is %s.\nNext: telegate config check --config %s, then restart telegate (with the package: sudo systemctl restart telegate).\n", backup, c.Into)
	return err
}

func (c configImportCmd) write(env *Env, data []byte) (err error) {
	if c.Out == "" {
		_, err := env.Stdout.Write(data)
		return err
	}
	f, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // it holds secrets
	switch {
	case errors.Is(err, fs.ErrExist):
		return exit.Usagef("%s already exists and is not changed; to add what it lacks, use --into %[1]s instead of --out, or choose another name", c.Out)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("write the configuration: the folder %s does not exist; make it first", filepath.Dir(c.Out))
	case err != nil:
		return fmt.Errorf("write the configuration: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
