package userclient

import (
	"context"
	"encoding/json"
	"fmt"

	"telegate/userclient/account"
)

// sessionRecord is what the database stores, encrypted.
type sessionRecord struct {
	Origin []byte          `json:"origin"` // digest of the session string or token that the session was made from
	Owner  int64           `json:"owner"`  // the account's id; 0 until known
	State  json.RawMessage `json:"state"`  // the library's
}

// readSession reads a stored session; an empty record if there is none.
func readSession(ctx context.Context, from account.Sessions, name string) (sessionRecord, error) {
	data, err := from.Session(ctx, name)
	if err != nil {
		return sessionRecord{}, fmt.Errorf("read session: %w", err)
	}
	var r sessionRecord
	if data != nil {
		if err := json.Unmarshal(data, &r); err != nil {
			return sessionRecord{}, fmt.Errorf("read session: %w", err)
		}
	}
	return r, nil
}

// StoredSession reads the stored session of a person. ErrNoSession.
func StoredSession(ctx context.Context, store account.Sessions) (Session, error) {
	r, err := readSession(ctx, store, nameUser)
	if err != nil {
		return Session{}, err
	}
	if r.State == nil {
		return Session{}, ErrNoSession
	}
	var library struct { // written by the library's session.Loader
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
