package db

import (
	"database/sql"
	"errors"
	"fmt"
)

// policyName is the name of a domain's switch in meta.
func policyName(domain string) string { return "msg2factor " + domain }

// Policy implements twofa.Tx.
func (tx *Tx) Policy(domain string) (on, known bool, err error) {
	var value []byte
	err = tx.q.row("SELECT value FROM meta WHERE name = ?", policyName(domain)).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("read policy: %w", err)
	}
	return string(value) == "on", true, nil
}

// SavePolicy implements twofa.Tx.
func (tx *Tx) SavePolicy(domain string, on bool) error {
	value := []byte("off")
	if on {
		value = []byte("on")
	}
	_, err := tx.q.exec("INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", policyName(domain), value)
	if err != nil {
		return fmt.Errorf("save policy: %w", err)
	}
	return nil
}
