// Package twofa checks a second factor: a 6-digit code that travels to the user's linked Telegram chat and back through
// the page that asked for it. It fails closed: whatever goes wrong, the answer is not "approved".
//
// The rules follow NIST SP 800-63B-4 §3.1.3.2 (out-of-band) and §3.2.2 (throttling) and OWASP ASVS 5.0 V6. Telegram is a
// trusted intermediary; out-of-band codes are not phishing-resistant, and telegate does not claim otherwise.
package twofa

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// The numbers of the code method.
const (
	MaxAttempts  = 5                // per verification
	MaxSends     = 3                // per verification, the first one included
	MaxLifetime  = 10 * time.Minute // NIST SP 800-63B-4 §3.1.3.2, ASVS 6.5.5: whatever is configured
	ThrottleFrom = 10               // consecutive failures of a link: growing waits from here …
	SuspendAt    = 50               // … and the end here (NIST SP 800-63B-4 §3.2.2 allows 100 at most)
	FirstWait    = 30 * time.Second
	LongestWait  = time.Hour
	CoolingOff   = 20 * time.Minute // no pushes after "Not me"
	MaxPending   = 2                // verifications of one user at a time, for different sessions
	KeptAfterEnd = 24 * time.Hour   // how long the answer stays readable
	ClockSlack   = time.Minute      // set back further, the clock does not tell any more how long a code has lived: it is void
)

// cooldown is the wait before send number n+1 (n sends so far).
func cooldown(sends int) time.Duration {
	if sends <= 1 {
		return 30 * time.Second
	}
	return 60 * time.Second
}

// What the API has to tell apart.
var (
	ErrNotFound        = errors.New("no such verification")
	ErrUnknownDomain   = errors.New("no such domain")
	ErrDisabled        = errors.New("msg2factor is off in this domain")
	ErrBindingRequired = errors.New("a sign-in needs a session binding")
	ErrFinished        = errors.New("the verification has ended")
	ErrSendsExhausted  = errors.New("the code has been sent as often as it may be")
)

// UnavailableError says why the second factor cannot be used; Reason is one of the capability's reasons.
type UnavailableError struct{ Reason Reason }

func (e *UnavailableError) Error() string { return "second factor unavailable: " + string(e.Reason) }

// WaitError says that something may not happen yet.
type WaitError struct {
	Kind       Wait
	Scope      string // Wait RateLimited: "user" or "ip"
	Limit      int    // Wait RateLimited
	RetryAfter time.Duration
}

func (e *WaitError) Error() string { return string(e.Kind) }

// Wait is why one has to wait.
type Wait string

const (
	RateLimited   Wait = "rate-limited"     // too many verifications were created
	Throttled     Wait = "factor-throttled" // too many wrong codes in a row
	ResendTooSoon Wait = "resend-too-soon"
	AfterNotMe    Wait = "cooling-off"
)

// InProgressError says that the user already has MaxPending verifications in other sessions.
type InProgressError struct {
	ID        string
	ExpiresIn time.Duration
}

func (e *InProgressError) Error() string { return "other verifications are in progress" }

// Purpose is what a verification is for. A code never answers for another purpose.
type Purpose string

const (
	Login    Purpose = "login"
	Recovery Purpose = "recovery"
	Confirm  Purpose = "confirm"
)

// Status of the decision: at most one transition out of pending, and then never another.
type Status string

const (
	Pending   Status = "pending"
	Approved  Status = "approved"
	Denied    Status = "denied"    // "Not me"
	Exhausted Status = "exhausted" // attempts used up
	Expired   Status = "expired"
	Canceled  Status = "canceled" // by the caller, a newer one, msg2factor, unlinking; see Reason
	Failed    Status = "failed"   // Telegram refuses for good to deliver it
)

// Why a verification was canceled.
const (
	ByCaller       = "caller"
	Superseded     = "superseded"
	PolicyDisabled = "policy_disabled"
)

// Reason is the closed list of why messaging cannot be used.
type Reason string

const (
	ReasonDisabled      Reason = "msg2factor_disabled"
	ReasonNotLinked     Reason = "not_linked"
	ReasonSuspended     Reason = "link_suspended"
	ReasonBlocked       Reason = "chat_blocked_bot"
	ReasonCoolingOff    Reason = "cooling_off"
	ReasonTransportDown Reason = "transport_down"
)

// Verification is one second-factor check.
type Verification struct {
	ID           string
	Domain, User string
	LinkID       string
	Purpose      Purpose
	Binding      []byte // SHA-256 of the caller's session binding; nil where the caller gave none
	Locale       string
	Status       Status
	Reason       string // of a cancellation
	Reported     bool   // denied by "Not me"
	CodeMAC      []byte // nil once it has ended
	Attempts     int
	Sends        int
	MessageID    string // of the last send
	Context      audit.Context
	Network      string // Context.IP as rate limits see it: an IPv4 address or an IPv6 /64
	Created      time.Time
	Expires      time.Time
	LastSent     time.Time
	Ended        time.Time

	Delivery Delivery // of the last send; filled in when read
}

// Delivery is how far the code's message has come.
type Delivery struct {
	Status  delivery.Status
	Failure *delivery.Failure
}

// Factor is the link of a user as the second factor sees it.
type Factor struct {
	LinkID       string
	Suspended    bool
	Blocked      bool // suspended because the chat takes nothing from the bot
	BotID        int64
	ChatID       int64
	Failures     int // consecutive wrong answers; a new code does not reset it
	WaitUntil    time.Time
	CoolingUntil time.Time
	Language     string // of the person's Telegram, an IETF tag; can be empty
}

// Domains answers what the second factor has to know about the configured domains.
type Domains interface {
	// Title is the domain's title for people; false where there is no such domain.
	Title(domain string) (string, bool)
	// Words are what people are told about a domain, in the language of a call, else of the person's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// Msg2Factor is the domain's switch.
	Msg2Factor(domain string) bool
	// CanSend tells whether the bot has a way to Telegram right now.
	CanSend(botID int64) bool
}

// Store keeps verifications. Each function runs in one transaction.
type Store interface {
	UpdateVerifications(ctx context.Context, fn func(Tx) error) error
	ViewVerifications(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. Everything that finds nothing answers ErrNotFound.
type Tx interface {
	InsertVerification(Verification) error
	// UpdateVerification writes a verification that is still pending in the database; ErrFinished when it is not.
	UpdateVerification(Verification) error
	Verification(id string) (Verification, error)
	MarkReported(id string) error // "Not me" under a code that had already been used
	VerificationByMessage(messageID string) (Verification, error)
	PendingVerifications(domain, user string) ([]Verification, error)
	// CancelPending ends every pending verification of a domain.
	CancelPending(domain, reason string, now time.Time) (int, error)

	// Policy is the domain's switch as SavePolicy has kept it; known is false where it never has.
	Policy(domain string) (on, known bool, err error)
	SavePolicy(domain string, on bool) error

	// CountAttempt counts one attempt in one statement, guarded by: still pending, attempts left, not expired.
	CountAttempt(id string, max int, now time.Time) (counted bool, err error)
	// CreatedSince counts verifications created for a user or from a network since then, and tells when the oldest of
	// them was.
	CreatedForUser(domain, user string, since time.Time) (int, time.Time, error)
	CreatedFromNetwork(domain, network string, since time.Time) (int, time.Time, error)

	Factor(domain, user string) (Factor, error)
	FactorOfLink(linkID string) (Factor, error)
	SaveFactor(Factor) error // the counters, and the suspension for too many failures

	// SignIns lists checks of codes for signing in, the newest first.
	SignIns(SignInQuery) ([]SignIn, error)
	// SignInDays counts them per day and result, in the order of days; of a single user's at most limit with each result.
	SignInDays(q DaysQuery, limit int) ([]DayCount, error)

	Enqueue(delivery.Message) error
	CancelMessage(id string, now time.Time) error
	audit.Refusals // and Audit
}
