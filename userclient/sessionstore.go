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

// memorySession is the library's session storage in memory.
type memorySession struct {
	mu      sync.Mutex // guards the fields below
	data    []byte     // the library's; nil if there is none
	changed chan struct{}
}

func newMemorySession(data []byte) *memorySession {
	return &memorySession{data: data, changed: make(chan struct{})}
}

// LoadSession implements session.Storage.
func (s *memorySession) LoadSession(context.Context) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == nil {
		return nil, session.ErrNotFound
	}
	return bytes.Clone(s.data), nil
}

// StoreSession implements session.Storage.
func (s *memorySession) StoreSession(_ context.Context, data []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = bytes.Clone(data)
	close(s.changed)
	s.changed = make(chan struct{})
	return nil
}

// storeTimeout is how long the library may take to store its session after it has moved to another data centre.
const storeTimeout = 5 * time.Second

// of waits for the session of a data centre. The library continues with calls before it stores its session, so right after a
// move the old one may still be here.
func (s *memorySession) of(ctx context.Context, dc int) (*session.Data, error) {
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

// keyID is Telegram's id of the key.
func (s Session) keyID() [8]byte { return crypto.Key(s.key).ID() }

// save writes a session into the library's storage.
func (s Session) save(ctx context.Context, into session.Storage) error {
	id := s.keyID()
	loader := session.Loader{Storage: into}
	if err := loader.Save(ctx, &session.Data{DC: s.DC, AuthKey: s.key[:], AuthKeyID: id[:]}); err != nil {
		return fmt.Errorf("pass the session to the library: %w", err)
	}
	return nil
}

// sessionStore is the library's session storage on top of account.Store. The library stores its session at every connection,
// even with a key that is not signed in. It stays in memory until Telegram has confirmed the account.
type sessionStore struct {
	name  string
	store account.Store
	log   *slog.Logger

	// Only Run uses the fields below.
	*memorySession
	stored sessionRecord
}

// load reads the session of an account. It deletes a stored session that was made from another session string or token than
// the configured one.
func (st *sessionStore) load(ctx context.Context, configured string) error {
	var err error
	if st.stored, err = readSession(ctx, st.store, st.name); err != nil {
		return err
	}
	if configured != "" {
		origin := sha256.Sum256([]byte("telegate session " + configured))
		if st.stored.State != nil && !bytes.Equal(origin[:], st.stored.Origin) {
			if err := st.store.DeleteSession(ctx, st.name); err != nil {
				return fmt.Errorf("delete the old session: %w", err)
			}
			st.stored = sessionRecord{}
		}
		st.stored.Origin = origin[:]
	}
	st.memorySession = newMemorySession(st.stored.State)
	return nil
}

// imported starts with the configured session, unless one is stored.
func (st *sessionStore) imported(ctx context.Context, s Session) error {
	if st.stored.State != nil {
		return nil
	}
	st.stored.Owner = s.UserID
	return s.save(ctx, st.memorySession)
}

// save stores the session after Telegram has confirmed the account. It only logs errors of the disk.
func (st *sessionStore) save(ctx context.Context, owner int64, dc int) {
	if _, err := st.of(ctx, dc); err != nil {
		st.log.Error("the Telegram session could not be stored; a restart may have to sign in again", "error", err)
		return
	}
	st.stored.Owner = owner
	if err := st.write(ctx, st.store.SaveSession); err != nil && ctx.Err() == nil {
		st.log.Error("the Telegram session could not be stored; a restart may have to sign in again", "error", err)
	}
}

func (st *sessionStore) write(ctx context.Context, save func(context.Context, string, []byte) error) error {
	st.stored.State, _ = st.LoadSession(ctx)
	data, err := json.Marshal(st.stored)
	if err == nil {
		err = save(ctx, st.name, data)
	}
	return err
}

// SaveSession stores a person's session for clients without a configured one, and deletes all data of the session before. If
// that fails, the old session stays. me is the owner, from SignIn or Verify. It must not be called while a client runs.
func SaveSession(ctx context.Context, store account.Store, s Session, me Person) error {
	st := &sessionStore{name: nameUser, store: store, memorySession: newMemorySession(nil), stored: sessionRecord{Owner: me.ID}}
	if err := s.save(ctx, st.memorySession); err != nil {
		return err
	}
	if err := st.write(ctx, store.ReplaceSession); err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}
