// Package twofa checks a second factor: a 6-digit code that goes to the user's linked Telegram chat and back through the
// page that asked for it. It fails closed: an error never approves.
//
// The rules follow NIST SP 800-63B-4 §3.1.3.2 (out-of-band) and §3.2.2 (throttling) and OWASP ASVS 5.0 V6. Telegram is a
// trusted intermediary. Out-of-band codes are not phishing-resistant, and telegate does not claim that they are.
package twofa

import (
	"context"
	"errors"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/language"
)

// Limits of codes.
const (
	MaxAttempts  = 5                // per verification
	MaxSends     = 3                // per verification, including the first
	MaxLifetime  = 10 * time.Minute // upper bound of the setting (NIST SP 800-63B-4 §3.1.3.2, ASVS 6.5.5)
	ThrottleFrom = 10               // consecutive failures of a link: growing waits from here …
	SuspendAt    = 50               // … and suspension here (NIST SP 800-63B-4 §3.2.2 allows 100 at most)
	FirstWait    = 30 * time.Second
	LongestWait  = time.Hour

	UnansweredFree = 5               // codes that nobody enters, since the last right one, that cost no pause (NIST SP 800-63B-4 §3.1.3.2, ASVS 6.6.4)
	FirstPause     = 5 * time.Minute // before the next code; doubles with each …
	LongestPause   = time.Hour       // … up to this, so that a person who can get in is never shut out

	OthersThrottleFrom = 5                // codes of other purposes than a sign-in wait from here …
	OthersCloseAt      = ThrottleFrom - 1 // … and are refused from here, so that they never make a sign-in wait

	CoolingOff   = 20 * time.Minute // no codes after "Not me"
	MaxPending   = 2                // pending verifications of one user and purpose, in different sessions
	WarnEvery    = time.Hour        // between two warnings of a link about wrong codes
	KeptAfterEnd = 24 * time.Hour   // how long a result stays readable
	ClockSlack   = time.Minute      // if the clock is set back further, a code is void: its age is unknown
)

// cooldown is the wait before the next send after n sends.
func cooldown(sends int) time.Duration {
	if sends <= 1 {
		return 30 * time.Second
	}
	return 60 * time.Second
}

// Errors that the API distinguishes.
var (
	ErrNotFound        = errors.New("no such verification")
	ErrUnknownDomain   = errors.New("no such domain")
	ErrDisabled        = errors.New("msg2factor is off in this domain")
	ErrBindingRequired = errors.New("a sign-in needs a session binding")
	ErrFinished        = errors.New("the verification has ended")
	ErrSendsExhausted  = errors.New("the code has been sent as often as it may be")
)

// UnavailableError: the second factor cannot be used.
type UnavailableError struct{ Reason Reason }

func (e *UnavailableError) Error() string { return "second factor unavailable: " + string(e.Reason) }

// WaitError: something may not happen yet.
type WaitError struct {
	Kind       Wait
	Scope      string // Wait RateLimited: "user" or "ip"
	Limit      int    // Wait RateLimited
	RetryAfter time.Duration
}

func (e *WaitError) Error() string { return string(e.Kind) }

// Wait is the reason of a WaitError.
type Wait string

const (
	RateLimited   Wait = "rate-limited"     // too many verifications were created
	Throttled     Wait = "factor-throttled" // too many wrong codes in a row
	ResendTooSoon Wait = "resend-too-soon"
	AfterNotMe    Wait = "cooling-off"
)

// InProgressError: the user already has MaxPending verifications of this purpose in other sessions.
type InProgressError struct {
	ID        string
	ExpiresIn time.Duration
}

func (e *InProgressError) Error() string { return "other verifications are in progress" }

// Purpose is what a verification is for. A code is valid for one purpose only.
type Purpose string

const (
	Login    Purpose = "login"
	Recovery Purpose = "recovery"
	Confirm  Purpose = "confirm"
)

// Status of a verification: at most one transition out of pending.
type Status string

const (
	Pending   Status = "pending"
	Approved  Status = "approved"
	Denied    Status = "denied"    // "Not me"
	Exhausted Status = "exhausted" // attempts used up
	Expired   Status = "expired"
	Canceled  Status = "canceled" // by the caller, a newer one, msg2factor or unlinking; see Reason
	Failed    Status = "failed"   // Telegram will never deliver it
)

// Why a verification was canceled.
const (
	ByCaller       = "caller"
	Superseded     = "superseded"
	PolicyDisabled = "policy_disabled"
)

// Reason is why messaging cannot be used (a closed list).
type Reason string

const (
	ReasonDisabled      Reason = "msg2factor_disabled"
	ReasonNotLinked     Reason = "not_linked"
	ReasonSuspended     Reason = "link_suspended"
	ReasonBlocked       Reason = "chat_blocked_bot"
	ReasonCoolingOff    Reason = "cooling_off"
	ReasonTransportDown Reason = "transport_down"
	ReasonFailures      Reason = "too_many_failures" // closed for recovery and confirm, open for a sign-in
)

// Verification is one second-factor check.
type Verification struct {
	ID           string
	Domain, User string
	LinkID       string
	Purpose      Purpose
	Binding      []byte // SHA-256 of the caller's session binding; nil without one
	Locale       string
	Status       Status
	Reason       string // of a cancellation
	Reported     bool   // denied by "Not me"
	CodeMAC      []byte // nil after the end
	Attempts     int
	Sends        int
	MessageID    string // of the last send
	Context      audit.Context
	Network      string // Context.IP for rate limits: an IPv4 address or an IPv6 /64
	Created      time.Time
	Expires      time.Time
	LastSent     time.Time
	Ended        time.Time

	Delivery Delivery // of the last send; set when read

	NextSend time.Time // no code goes to the user before; set for answers to the caller
}

// Delivery is the state of the code's message.
type Delivery struct {
	Status  delivery.Status
	Failure *delivery.Failure
}

// Factor is a user's link as second factor.
type Factor struct {
	LinkID       string
	Suspended    bool
	Blocked      bool // suspended because the chat accepts nothing from the bot
	BotID        int64
	ChatID       int64
	Failures     int // consecutive wrong codes; a new code does not reset it
	WaitUntil    time.Time
	CoolingUntil time.Time
	Warned       time.Time // when the chat was last told of wrong codes
	Language     string    // of the user's Telegram, an IETF tag; may be empty
	DisplayName  string    // the server's name of the user; may be empty
	Shared       bool      // the chat has other accounts, too, with the same bot
}

// Domains gives access to the configured domains.
type Domains interface {
	// Title is the domain's title for people; false if there is no such domain.
	Title(domain string) (string, bool)
	// Words returns the texts of a domain in the language of the call, else of the user's Telegram, else of the domain.
	Words(domain, call, person string) *language.Words
	// Msg2Factor reports whether codes are on in the domain.
	Msg2Factor(domain string) bool
	// CanSend reports whether the bot can send right now.
	CanSend(botID int64) bool
}

// Store keeps verifications. Each function runs in one transaction.
type Store interface {
	UpdateVerifications(ctx context.Context, fn func(Tx) error) error
	ViewVerifications(ctx context.Context, fn func(Tx) error) error
}

// Tx is one transaction. A method that finds nothing returns ErrNotFound.
type Tx interface {
	InsertVerification(Verification) error
	// UpdateVerification stores a verification that is pending in the database; else ErrFinished.
	UpdateVerification(Verification) error
	Verification(id string) (Verification, error)
	MarkReported(id string) error // "Not me" under a used code
	VerificationByMessage(messageID string) (Verification, error)
	PendingVerifications(domain, user string) ([]Verification, error)
	// CancelPending cancels the pending verifications of a domain.
	CancelPending(domain, reason string, now time.Time) (int, error)

	// Policy is the stored switch of a domain; known is false if none is stored.
	Policy(domain string) (on, known bool, err error)
	SavePolicy(domain string, on bool) error

	// CountAttempt counts one attempt in one statement, only if pending, not expired and with attempts left.
	CountAttempt(id string, max int, now time.Time) (counted bool, err error)
	// CreatedForUser and CreatedFromNetwork count the verifications of a purpose created since a time, and return when the
	// oldest was.
	CreatedForUser(domain, user string, p Purpose, since time.Time) (int, time.Time, error)
	CreatedFromNetwork(domain, network string, p Purpose, since time.Time) (int, time.Time, error)
	// UnansweredCodes counts the codes of a purpose that were sent for a link since the last right code of any purpose and that
	// nobody has tried to enter, and returns when the last was sent. Codes that Telegram refused or never took do not count.
	UnansweredCodes(domain, user, linkID string, p Purpose) (int, time.Time, error)
	// SupersededAfterWrongCodes reports whether wrong codes were entered in a sign-in of a link that another took over since a time.
	SupersededAfterWrongCodes(domain, user, linkID string, since time.Time) (bool, error)
	// ExpiredVerifications returns at most limit pending verifications whose time is over.
	ExpiredVerifications(now time.Time, limit int) ([]Verification, error)

	Factor(domain, user string) (Factor, error)
	FactorOfLink(linkID string) (Factor, error)
	SaveFactor(Factor) error // the counters and times, and the suspension after too many failures

	// SignIns lists checks of sign-in codes, newest first.
	SignIns(SignInQuery) ([]SignIn, error)
	// SignInDays counts them per day and result, ordered by day; for a single user at most limit of each result.
	SignInDays(q DaysQuery, limit int) ([]DayCount, error)

	Enqueue(delivery.Message) error
	CancelMessage(id string, now time.Time) error
	audit.Refusals // and Audit
}
