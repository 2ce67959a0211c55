//go:build !nomtproto

package userclient

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/gotd/td/crypto"
	"github.com/gotd/td/session"

	"telegate/userclient/account"
)

// state is the library's session storage in memory.
type state struct {
	mu      sync.Mutex // guards what follows
	data    []byte     // the library's; nil where there is none
	changed chan struct{}
}

func newState(data []byte) *state { return &state{data: data, changed: make(chan struct{})} }

// LoadSession implements session.Storage.
func (s *state) LoadSession(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		return nil, session.ErrNotFound
	}
	return bytes.Clone(s.data), nil
}

// StoreSession implements session.Storage.
func (s *state) StoreSession(_ context.Context, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = bytes.Clone(data)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// storeTimeout is how long the library may take to hand over its state after it has moved to another data centre.
const storeTimeout = 5 * time.Second

// of waits for the session of a data centre: the library goes on with calls before it has handed over its state, so right
// after a move the state may still be the old one.
func (s *state) of(ctx context.Context, dc int) (*session.Data, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	for {
		s.mu.Lock()
		raw, changed := s.data, s.changed
		s.mu.Unlock()
		var parsed struct{ Data session.Data }
		if raw != nil {
			if err := json.Unmarshal(raw, &parsed); err != nil {
				return nil, fmt.Errorf("read the library's session: %w", err)
			}
			if parsed.Data.DC == dc {
				return &parsed.Data, nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("the library has no session of data centre %d: %w", dc, ctx.Err())
		}
	}
}

// keyID is how Telegram calls the key.
func (s Session) keyID() [8]byte { return crypto.Key(s.key).ID() }

// save puts a session where the library will look for it.
func (s Session) save(ctx context.Context, into session.Storage) error {
	id := s.keyID()
	loader := session.Loader{Storage: into}
	if err := loader.Save(ctx, &session.Data{DC: s.DC, AuthKey: s.key[:], AuthKeyID: id[:]}); err != nil {
		return fmt.Errorf("hand over the session: %w", err)
	}
	return nil
}

// kept is the library's session storage over ours. The library hands over its state with every connection, also that of a
// key nobody has signed in with; it stays in memory until Telegram has said whose it is (F33: nothing half-done is kept).
type kept struct {
	name  string
	store account.Store
	log   *slog.Logger

	// Only Run uses what follows.
	*state
	record record
}

// load reads the session of an account. A stored session that was made from something else than what is configured now is
// dropped.
func (k *kept) load(ctx context.Context, configured string) error {
	var err error
	if k.record, err = readRecord(ctx, k.store, k.name); err != nil {
		return err
	}
	if configured != "" {
		origin := sha256.Sum256([]byte("telegate session " + configured))
		if k.record.State != nil && !bytes.Equal(origin[:], k.record.Origin) {
			if err := k.store.Forget(ctx, k.name); err != nil {
				return fmt.Errorf("forget the session before: %w", err)
			}
			k.record = record{}
		}
		k.record.Origin = origin[:]
	}
	k.state = newState(k.record.State)
	return nil
}

// adopt begins with an imported session, unless there is one.
func (k *kept) adopt(ctx context.Context, s Session) error {
	if k.record.State != nil {
		return nil
	}
	k.record.Owner = s.UserID
	return s.save(ctx, k.state)
}

// prove keeps the session by which Telegram knows the account. Trouble of the disk is logged and ends nothing.
func (k *kept) prove(ctx context.Context, owner int64, dc int) {
	if _, err := k.of(ctx, dc); err != nil {
		k.log.Error("the Telegram session could not be stored; a restart may have to sign in again", "error", err)
		return
	}
	k.record.Owner = owner
	k.record.State, _ = k.LoadSession(ctx)
	data, err := json.Marshal(k.record)
	if err == nil {
		err = k.store.SaveSession(ctx, k.name, data)
	}
	if err != nil && ctx.Err() == nil {
		k.log.Error("the Telegram session could not be stored; a restart may have to sign in again", "error", err)
	}
}

// Keep stores a person's session for clients without a configured one. What was remembered of a session before is dropped;
// where the new one cannot be stored, the one before stays.
// me is who it belongs to, as SignIn or Verify has told. It must not be called while a client runs.
func Keep(ctx context.Context, store account.Store, s Session, me Person) error {
	k := &kept{name: nameUser, store: store, state: newState(nil), record: record{Owner: me.ID}}
	if err := s.save(ctx, k.state); err != nil {
		return err
	}
	k.record.State, _ = k.LoadSession(ctx)
	data, err := json.Marshal(k.record)
	if err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	if err := store.ReplaceSession(ctx, nameUser, data); err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}
