package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"telegate/delivery"
	"telegate/internal/secret"
)

const (
	answerLifetime    = 24 * time.Hour // how long an answer is kept for repeats with the same Idempotency-Key
	maxIdempotencyKey = 256
)

// ErrNoAnswer means that no answer is stored for a key.
var ErrNoAnswer = errors.New("no answer kept")

// Answer is an answer stored for repeated requests.
type Answer struct {
	Key         []byte // MAC over caller, path and key
	Fingerprint []byte // SHA-256 of the request's body
	Status      int
	Header      string // JSON
	Body        []byte
	Created     time.Time
}

// AnswerStore stores answers. The body is encrypted.
type AnswerStore interface {
	SaveAnswer(ctx context.Context, a Answer) error
	// Answer returns the answer stored for a key after since, or ErrNoAnswer.
	Answer(ctx context.Context, key []byte, since time.Time) (Answer, error)
}

// inFlight holds the Idempotency-Keys of requests that are being processed now.
type inFlight struct {
	mu   sync.Mutex
	keys map[string]bool // guarded by mu
}

func (f *inFlight) begin(key string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.keys[key] {
		return false
	}
	if f.keys == nil {
		f.keys = map[string]bool{}
	}
	f.keys[key] = true
	return true
}

func (f *inFlight) end(key string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.keys, key)
}

// idempotency answers a repeated POST with the first answer (draft-ietf-httpapi-idempotency-key-header). It stores only
// successes: a refused request changed nothing and may be retried.
func (s *Server) idempotency(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := r.Header.Get("Idempotency-Key")
		k := caller(r.Context())
		if r.Method != http.MethodPost || header == "" || k == nil {
			next.ServeHTTP(w, r)
			return
		}
		if _, pattern := s.mux.Handler(r); !k.hasScope(s.scopes[pattern]) { // a stored answer asks for today's scope
			next.ServeHTTP(w, r)
			return
		}
		given := strings.Trim(header, `"`)
		if given == "" || len(given) > maxIdempotencyKey {
			writeProblem(w, r, invalidField("header/Idempotency-Key", "must have 1 to 256 characters"))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			writeProblem(w, r, newProblem("malformed-request", "The body could not be read completely."))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		key := s.o.AnswerKey.MAC(k.Hash, r.URL.Path, given)
		if !s.inFlight.begin(string(key)) {
			p := newProblem("idempotency-in-flight", "A request with this Idempotency-Key is being answered; repeat it in a moment.").retryAfter(time.Second)
			p.IdempotencyKey = given
			writeProblem(w, r, p)
			return
		}
		defer s.inFlight.end(string(key))

		fingerprint := secret.Hash(string(body))
		kept, err := s.o.Answers.Answer(r.Context(), key, s.o.Now().Add(-answerLifetime))
		switch {
		case err == nil && !bytes.Equal(kept.Fingerprint, fingerprint):
			p := newProblem("idempotency-mismatch", "This Idempotency-Key was used with another body; use a fresh one.")
			p.IdempotencyKey = given
			writeProblem(w, r, p)
			return
		case err == nil:
			writeStored(w, kept)
			return
		case !errors.Is(err, ErrNoAnswer):
			s.o.Logger.ErrorContext(r.Context(), "read kept answer", "request", requestID(r.Context()), "error", err)
			p := storageProblem(err)
			if p == nil {
				p = newProblem("storage-unavailable", "The database cannot be read right now. See the log, and try again.").retryAfter(retryWhenBusy)
			}
			writeProblem(w, r, p)
			return
		}

		rec := &recorder{header: w.Header(), status: http.StatusOK}
		next.ServeHTTP(rec, r.WithContext(withIDSeed(r.Context(), slices.Concat(key, fingerprint))))
		if rec.status < 300 {
			header, _ := json.Marshal(map[string]string{
				"Content-Type": rec.header.Get("Content-Type"), "Location": rec.header.Get("Location"),
			})
			// Store it even if the caller has disconnected: the caller will ask again.
			err := s.o.Answers.SaveAnswer(context.WithoutCancel(r.Context()), Answer{
				Key: key, Fingerprint: fingerprint, Status: rec.status, Header: string(header), Body: rec.body.Bytes(),
				Created: s.o.Now(),
			})
			if err != nil {
				s.o.Logger.ErrorContext(r.Context(), "keep answer", "request", requestID(r.Context()), "error", err)
			}
		}
		w.WriteHeader(rec.status)
		_, _ = w.Write(rec.body.Bytes())
	})
}

func writeStored(w http.ResponseWriter, a Answer) {
	var header map[string]string
	if err := json.Unmarshal([]byte(a.Header), &header); err == nil {
		for name, value := range header {
			if value != "" {
				w.Header().Set(name, value)
			}
		}
	}
	w.Header().Set("Idempotent-Replayed", "true")
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// recorder buffers a response until it is stored.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) Write(b []byte) (int, error) { return r.body.Write(b) }
func (r *recorder) WriteHeader(code int)        { r.status = code }

type idSeedKey struct{}

func withIDSeed(ctx context.Context, seed []byte) context.Context {
	return context.WithValue(ctx, idSeedKey{}, seed)
}

// derivedID is the id of what a request with an Idempotency-Key creates; empty without a key. The same request within
// answerLifetime gets the same id. A request repeated after a crash, before its answer was stored, therefore finds what the
// first one created; a later request with the same key creates something new. created returns the creation time of an id,
// or an error that problemOf maps to not-found.
func (s *Server) derivedID(ctx context.Context, prefix string, created func(id string) (time.Time, error)) (string, error) {
	seed, ok := ctx.Value(idSeedKey{}).([]byte)
	if !ok {
		return "", nil
	}
	now := s.o.Now()
	period := now.Unix() / int64(answerLifetime/time.Second)
	id := func(period int64) string {
		var b [16]byte
		copy(b[:], s.o.AnswerKey.MAC("id", string(seed), strconv.FormatInt(period, 10)))
		return delivery.FormatID(prefix, b)
	}
	before, err := created(id(period - 1))
	switch {
	case err == nil && now.Sub(before) < answerLifetime:
		return id(period - 1), nil
	case err != nil && problemOf(err).Status != http.StatusNotFound:
		return "", err
	}
	return id(period), nil
}
