package api

import (
	"context"
	"time"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/internal/typed"
	"telegate/twofa"
)

// CreateVerification is the body of POST /v1/verifications.
type CreateVerification struct {
	Domain         string  `json:"domain,omitempty" maxLength:"64"`
	User           string  `json:"user" minLength:"1" maxLength:"256" pattern:"^[^\\x00-\\x1f\\x7f]*$" patternDescription:"text without control characters"`
	Purpose        string  `json:"purpose" enum:"login,recovery,confirm"`
	SessionBinding string  `json:"session_binding,omitempty" maxLength:"512" doc:"an opaque id of the caller's login session; required for login; check must send the same"`
	Locale         string  `json:"locale,omitempty" maxLength:"256" doc:"language of the message: a BCP 47 tag or an Accept-Language header; unknown languages are ignored"`
	Context        Context `json:"context,omitempty"`
}

// Context is where the sign-in comes from. The person sees it, and it is kept for the login report.
type Context struct {
	IP        string `json:"ip,omitempty" maxLength:"64"`
	UserAgent string `json:"user_agent,omitempty" maxLength:"1024"`
	Location  string `json:"location,omitempty" maxLength:"128" doc:"for people, for example: Madrid, ES"`
}

// Verification is a verification as callers see it. It never contains the code.
type Verification struct {
	ID           string    `json:"id"`
	Domain       string    `json:"domain"`
	User         string    `json:"user"`
	Purpose      string    `json:"purpose"`
	Status       string    `json:"status" enum:"pending,approved,denied,exhausted,expired,canceled,failed"`
	CancelReason string    `json:"cancel_reason,omitempty" doc:"caller, superseded, policy_disabled, unlinked, link_suspended, too_many_failures, restored"`
	Reported     bool      `json:"reported" doc:"the person tapped Not me"`
	Method       string    `json:"method" enum:"code"`
	ExpiresAt    time.Time `json:"expires_at"`
	ExpiresIn    int       `json:"expires_in" doc:"seconds; 0 when it has ended"`
	Attempts     Attempts  `json:"attempts"`
	Sends        Sends     `json:"sends"`
	Delivery     Delivery  `json:"delivery" doc:"delivery of the last code"`
}

// Attempts counts the codes that the user may try.
type Attempts struct {
	Max       int `json:"max"`
	Remaining int `json:"remaining"`
}

// Sends counts the codes that may be sent.
type Sends struct {
	Used     int `json:"used"`
	Max      int `json:"max"`
	ResendIn int `json:"resend_in" doc:"seconds until the code may be sent again"`
}

// Delivery is the delivery of a message.
type Delivery struct {
	Status  string            `json:"status" enum:"queued,sending,delivered,failed,expired,canceled,unknown"`
	Failure *delivery.Failure `json:"failure"`
	Expected
}

func (s *Server) verificationView(ctx context.Context, v twofa.Verification) Verification {
	view := Verification{
		ID: v.ID, Domain: v.Domain, User: v.User, Purpose: string(v.Purpose), Status: string(v.Status), CancelReason: v.Reason,
		Reported: v.Reported, Method: "code", ExpiresAt: v.Expires,
		Attempts: Attempts{Max: twofa.MaxAttempts, Remaining: v.AttemptsRemaining()},
		Sends:    Sends{Used: v.Sends, Max: twofa.MaxSends, ResendIn: seconds(s.o.Verifications.ResendIn(v))},
		Delivery: Delivery{Status: string(v.Delivery.Status)},
	}
	switch {
	case v.Delivery.Status.Final():
		view.Delivery.Failure = v.Delivery.Failure
	case v.Status != twofa.Pending && v.Status != twofa.Expired: // the end of the verification canceled the message
		view.Delivery.Status = string(delivery.StatusCanceled)
	}
	if v.Status == twofa.Pending {
		view.ExpiresIn = s.secondsUntil(v.Expires)
		if !v.Delivery.Status.Final() {
			view.Delivery.Expected = s.expected(ctx, delivery.Waiting{MessageID: v.MessageID})
		}
	}
	return view
}

func (s *Server) createVerification(ctx context.Context, in *struct {
	PreferWait
	Body CreateVerification
}) (*struct {
	Location string `header:"Location"`
	Body     Verification
}, error) {
	b := in.Body
	if _, err := s.authorizeDomain(ctx, b.Domain); err != nil {
		return nil, err
	}
	v, err := s.o.Verifications.Create(ctx, twofa.CreateRequest{
		Domain: b.Domain, User: b.User, Purpose: twofa.Purpose(b.Purpose), Binding: b.SessionBinding, Locale: b.Locale,
		Context: audit.Context{IP: b.Context.IP, UserAgent: b.Context.UserAgent, Location: b.Context.Location},
	})
	if err != nil {
		return nil, err
	}
	if in.wait() > 0 { // until Telegram has accepted the code
		read := func(ctx context.Context) (twofa.Verification, error) { return s.o.Verifications.Get(ctx, v.ID) }
		v, err = waitWhile(ctx, s, v.MessageID, in.wait(), read, func(v twofa.Verification) bool {
			return v.Status == twofa.Pending && !v.Delivery.Status.Final()
		})
		if err != nil {
			return nil, err
		}
	}
	return &struct {
		Location string `header:"Location"`
		Body     Verification
	}{"/v1/verifications/" + v.ID, s.verificationView(ctx, v)}, nil
}

// verification reads a verification that the caller may see.
func (s *Server) verification(ctx context.Context, id string) (twofa.Verification, error) {
	v, err := s.o.Verifications.Get(ctx, id)
	if err != nil {
		return v, err
	}
	return v, requireVisible(ctx, v.Domain, twofa.ErrNotFound)
}

func (s *Server) getVerification(ctx context.Context, in *struct {
	ByID
	PreferWait
}) (*struct{ Body Verification }, error) {
	read := func(ctx context.Context) (twofa.Verification, error) { return s.verification(ctx, in.ID) }
	v, err := waitWhile(ctx, s, in.ID, in.wait(), read, func(v twofa.Verification) bool { return v.Status == twofa.Pending })
	if err != nil {
		return nil, err
	}
	return &struct{ Body Verification }{s.verificationView(ctx, v)}, nil
}

// CheckCode is the body of POST /v1/verifications/{id}/check.
type CheckCode struct {
	Code           string `json:"code" maxLength:"64" doc:"as the user typed it"`
	SessionBinding string `json:"session_binding,omitempty" maxLength:"512"`
}

// Check is the answer to a code. Sign the user in only if approved is true.
type Check struct {
	Approved          bool         `json:"approved"`
	Result            string       `json:"result" enum:"approved,pending,incorrect,denied,exhausted,expired,canceled,already_used,binding_mismatch,failed"`
	AttemptsRemaining int          `json:"attempts_remaining"`
	Verification      Verification `json:"verification"`
}

func (s *Server) checkVerification(ctx context.Context, in *struct {
	ByID
	Body CheckCode
}) (*struct{ Body Check }, error) {
	if _, err := s.verification(ctx, in.ID); err != nil {
		return nil, err
	}
	o, err := s.o.Verifications.Check(ctx, in.ID, typed.Digits(in.Body.Code), in.Body.SessionBinding)
	if err != nil {
		return nil, err
	}
	return &struct{ Body Check }{Check{
		Approved: o.Approved(), Result: string(o.Result), AttemptsRemaining: o.Verification.AttemptsRemaining(),
		Verification: s.verificationView(ctx, o.Verification),
	}}, nil
}

func (s *Server) resendVerification(ctx context.Context, in *ByID) (*struct{ Body Verification }, error) {
	return s.changeVerification(ctx, in.ID, s.o.Verifications.Resend)
}

func (s *Server) cancelVerification(ctx context.Context, in *ByID) (*struct{ Body Verification }, error) {
	return s.changeVerification(ctx, in.ID, s.o.Verifications.Cancel)
}

func (s *Server) changeVerification(ctx context.Context, id string, change func(context.Context, string) (twofa.Verification, error)) (*struct{ Body Verification }, error) {
	seen, err := s.verification(ctx, id)
	if err != nil {
		return nil, err
	}
	v, err := change(ctx, id)
	if err != nil {
		p := problemOf(err)
		if p.Type == "/problems/verification-finished" {
			p.CurrentStatus = string(seen.Status)
		}
		return nil, p
	}
	return &struct{ Body Verification }{s.verificationView(ctx, v)}, nil
}
