package db

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"telegate/internal/secret"
)

// ErrKey: the key file is missing, damaged, or belongs to another database.
var ErrKey = errors.New("key file")

// keys encrypt columns and key MACs. The master key is in a file beside the database, never in it, so a copy of the
// database alone reveals no message and no code. Each use has its own sub-key (HKDF-SHA256).
type keys struct {
	master []byte
	aead   cipher.AEAD
}

const masterSize = 32

// ErrNewDatabase: there is a key file and no database with it, so a database is missing.
var ErrNewDatabase = errors.New("the database is missing or empty")

// openKeys reads the key file and checks that it belongs to the database. For a new database it creates one. A key file beside a new
// database means that there was another database: then it returns ErrNewDatabase, unless useOld is set.
func openKeys(ctx context.Context, db *sql.DB, path string, useOld bool) (keys, error) {
	var check []byte
	err := db.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'key_check'").Scan(&check)
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return keys{}, fmt.Errorf("read key check: %w", err)
	}
	master, err := readKey(path)
	created := errors.Is(err, fs.ErrNotExist)
	switch {
	case created && fresh:
		master, err = createKey(path + partialKey)
	case created: // perhaps the start that created it was killed before it had its name
		if master, err = readKey(path + partialKey); errors.Is(err, fs.ErrNotExist) {
			return keys{}, fmt.Errorf("%w %s is missing: put back the one that belongs to this database; "+
				"without it waiting messages and codes cannot be read", ErrKey, path)
		}
	case err == nil && fresh && !useOld:
		return keys{}, fmt.Errorf("%w, but its key file %s is there: put the database back (telegate restore), or start with an empty one: "+
			"telegate serve --new-database", ErrNewDatabase, path)
	}
	if err != nil {
		return keys{}, err
	}
	k, err := newKeys(master)
	if err != nil {
		return keys{}, err
	}
	if fresh {
		if _, err := db.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES ('key_check', ?)", k.check()); err != nil {
			return keys{}, fmt.Errorf("write key check: %w", err)
		}
	} else if !secret.Equal(check, k.check()) {
		return keys{}, fmt.Errorf("%w %s belongs to another database: put back the right one", ErrKey, path)
	}
	if created { // only now, so that the key file of a start that was killed never looks like one of another database
		return k, nameKey(path)
	}
	return k, nil
}

func newKeys(master []byte) (keys, error) {
	k := keys{master: master}
	block, err := aes.NewCipher(k.sub("seal"))
	if err != nil {
		return keys{}, fmt.Errorf("make sealing key: %w", err)
	}
	if k.aead, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return keys{}, fmt.Errorf("make sealing key: %w", err)
	}
	return k, nil
}

// check is the stored value that identifies the key.
func (k keys) check() []byte { return secret.Key(k.sub("key check")).MAC("telegate") }

func readKey(path string) ([]byte, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read %w: %w", ErrKey, err)
	}
	master, err := hex.DecodeString(strings.TrimSpace(string(data)))
	if err != nil || len(master) != masterSize {
		return nil, fmt.Errorf("%w %s is damaged: it must hold %d hexadecimal digits", ErrKey, path, 2*masterSize)
	}
	return master, nil
}

// partialKey is the end of the name that a new key file has until the database knows it.
const partialKey = ".partial"

func createKey(path string) ([]byte, error) {
	master := make([]byte, masterSize)
	rand.Read(master)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a start that was killed
		return nil, fmt.Errorf("create %w: %w", ErrKey, err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create %w: %w", ErrKey, err)
	}
	if err := errors.Join(writeKey(f, master), f.Close()); err != nil {
		return nil, fmt.Errorf("create %w: %w", ErrKey, err)
	}
	return master, nil
}

// writeKey writes a key to an open file. It must survive a power failure, as the database does.
func writeKey(f *os.File, master []byte) error {
	if _, err := fmt.Fprintln(f, hex.EncodeToString(master)); err != nil {
		return err
	}
	return f.Sync()
}

// nameKey gives a new key file its name.
func nameKey(path string) error {
	if err := os.Rename(path+partialKey, path); err != nil {
		return fmt.Errorf("create %w: %w", ErrKey, err)
	}
	if err := syncFolder(filepath.Dir(path)); err != nil { // the name must survive a power failure, too
		return fmt.Errorf("create %w: %w", ErrKey, err)
	}
	return nil
}

// sub derives the 256-bit key for one use.
func (k keys) sub(use string) []byte {
	key, err := hkdf.Key(sha256.New, k.master, nil, "telegate "+use, 32)
	if err != nil {
		panic(err) // only for an impossible length
	}
	return key
}

// MACKey is the key that protects the codes of one use.
func (d *DB) MACKey(use string) secret.Key { return d.keys.sub("mac " + use) }

// seal encrypts a column; where names the row, so that a sealed value cannot be moved to another row.
func (k keys) seal(plain []byte, where string) []byte {
	return k.aead.Seal(nil, nil, plain, []byte(where))
}

func (k keys) open(sealed []byte, where string) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, []byte(where))
	if err != nil {
		return nil, fmt.Errorf("unseal %s: %w", where, err)
	}
	return plain, nil
}
