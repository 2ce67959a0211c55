package userclient

import (
	"context"
	"encoding/json"
	"fmt"

	"telegate/userclient/account"
)

// record is what lies sealed in the database.
type record struct {
	Origin []byte          `json:"origin"` // digest of what the session was made from: a session string or a token
	Owner  int64           `json:"owner"`  // the account's id; 0 until known
	State  json.RawMessage `json:"state"`  // the library's
}

// readRecord reads what lies there; an empty record where nothing does.
func readRecord(ctx context.Context, from account.Sessions, name string) (record, error) {
	data, err := from.Session(ctx, name)
	if err != nil {
		return record{}, fmt.Errorf("read session: %w", err)
	}
	var r record
	if data != nil {
		if err := json.Unmarshal(data, &r); err != nil {
			return record{}, fmt.Errorf("read session: %w", err)
		}
	}
	return r, nil
}

// Kept reads the stored session of a person. ErrNoSession.
func Kept(ctx context.Context, store account.Sessions) (Session, error) {
	r, err := readRecord(ctx, store, nameUser)
	if err != nil {
		return Session{}, err
	}
	if r.State == nil {
		return Session{}, ErrNoSession
	}
	var library struct { // what the library's session.Loader writes
		Version int
		Data    struct {
			DC      int
			AuthKey []byte
		}
	}
	if err := json.Unmarshal(r.State, &library); err != nil {
		return Session{}, fmt.Errorf("read the library's session: %w", err)
	}
	if library.Version != 1 {
		return Session{}, fmt.Errorf("read the library's session: version %d, want 1", library.Version)
	}
	return newSession(FormatOwn, library.Data.DC, r.Owner, library.Data.AuthKey)
}
