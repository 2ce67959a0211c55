package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"telegate/internal/forwarded"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Scope is what a key may do.
type Scope string

const (
	scopeLink   Scope = "link"
	scopeVerify Scope = "verify"
	scopeSend   Scope = "send"
	scopeInvite Scope = "invite"
	scopeAdmin  Scope = "admin" // includes scopeInvite
	anyScope    Scope = ""
)

// Key is a caller's permission. It holds only the digest of the API key.
type Key struct {
	Name    string
	Hash    string   // "sha256:" and 64 hexadecimal digits
	Domains []string // "*" for all
	Scopes  []Scope
	// ConsoleOnly: the key belongs to a user and opens the console, which also asks this user for a code. As a key of the API it would take
	// that second factor off with one call.
	ConsoleOnly bool
}

func (k *Key) allowsDomain(domain string) bool {
	return slices.Contains(k.Domains, "*") || slices.Contains(k.Domains, domain)
}

func (k *Key) hasScope(scope Scope) bool {
	return scope == anyScope || slices.Contains(k.Scopes, scope) || scope == scopeInvite && slices.Contains(k.Scopes, scopeAdmin)
}

// allScopes lists what the key may do, in the order of the constants.
func (k *Key) allScopes() []Scope {
	return slices.DeleteFunc([]Scope{scopeLink, scopeVerify, scopeSend, scopeInvite, scopeAdmin}, func(s Scope) bool { return !k.hasScope(s) })
}

// keyring finds keys by their SHA-256 digest. The keys are 256 random bits, so the timing of a lookup reveals nothing.
type keyring map[string]*Key

func newKeyring(keys []Key) keyring {
	ring := keyring{}
	for _, k := range keys {
		ring[k.Hash] = &k
	}
	return ring
}

func (ring keyring) fromRequest(r *http.Request) *Key {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	return ring.byToken(strings.TrimSpace(token))
}

func (ring keyring) byToken(token string) *Key {
	sum := sha256.Sum256([]byte(token))
	return ring["sha256:"+hex.EncodeToString(sum[:])]
}

type callerKey struct{}

// caller is the key of the request, as set by authenticate.
func caller(ctx context.Context) *Key {
	k, _ := ctx.Value(callerKey{}).(*Key)
	return k
}

// authenticate refuses every request under /v1 without a known key.
func (s *Server) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/v1") {
			next.ServeHTTP(w, r)
			return
		}
		k := s.requestKey(r)
		if k == nil {
			s.refusedKey(r)
			writeProblem(w, r, newProblem("invalid-credentials",
				"Send the header Authorization: Bearer KEY with a valid API key. telegate key create creates one."))
			return
		}
		if k.ConsoleOnly {
			writeProblem(w, r, consoleOnly())
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, k)))
	})
}

func consoleOnly() *Problem {
	return newProblem("console-only-key", "This key has a user, so it opens only the console. Create a key without user for programs and the command line: telegate key create.")
}

// refusedKey counts and logs a request with a key that telegate does not know, or with none (ASVS 16.3.1). The log has a rate limit,
// because strangers can cause these lines.
func (s *Server) refusedKey(r *http.Request) {
	s.requests.refusedKeys.Inc()
	if s.keyLog.AllowN(s.o.Now(), 1) {
		s.o.Logger.WarnContext(r.Context(), "request refused: unknown API key", "request", requestID(r.Context()), "address", forwarded.ClientAddr(r), "route", s.routeName(r))
	}
}

// operator reports whether a request may see what is for operators: the details of the health and the metrics. Without a key that is a
// program on this machine. A request through a proxy comes from anywhere.
func (s *Server) operator(r *http.Request) bool {
	local := s.o.Private && !forwarded.ByProxy(r) && (s.o.Unix || forwarded.LocalHost(r))
	return local || s.requestKey(r) != nil
}

// checkScope refuses a key without the scope of the call, before the parameters are read.
func checkScope(ctx huma.Context, next func(huma.Context)) {
	scope, _ := ctx.Operation().Metadata["scope"].(Scope)
	k := caller(ctx.Context())
	if k == nil || !k.hasScope(scope) {
		p := newProblem("insufficient-scope", "This call needs a key with the scope "+string(scope)+".")
		p.RequiredScope = string(scope)
		r, w := humago.Unwrap(ctx)
		writeProblem(w, r, p)
		return
	}
	next(ctx)
}

// authorizeDomain refuses a domain that the key may not use, existing or not, and a domain that does not exist.
func (s *Server) authorizeDomain(ctx context.Context, domain string) (Domain, error) {
	if !caller(ctx).allowsDomain(domain) {
		return Domain{}, newProblem("domain-not-allowed", "This key may not use that domain.")
	}
	d, ok := s.o.Domains.Domain(domain)
	if !ok {
		return Domain{}, newProblem("not-found", "This domain is not configured. Add a section [domains.ID] to telegate.toml.")
	}
	return d, nil
}

// requireVisible returns notFound for something in a domain that the key may not use, as if it did not exist.
func requireVisible(ctx context.Context, domain string, notFound error) error {
	if !caller(ctx).allowsDomain(domain) {
		return notFound
	}
	return nil
}
