package api

import (
	"cmp"
	"context"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/negotiation"

	"telegate/twofa"
)

const (
	loginsPath = "/v1/logins"
	loginsPage = 100 // default page size
)

// LoginList is a page of the login report, the newest first.
type LoginList struct {
	Logins []Login `json:"logins"`
	Next   string  `json:"next" doc:"pass this as after to get the next page; empty on the last page"`
}

// Login is one check of a sign-in code. The address and the user agent are as the caller reported them.
type Login struct {
	Time         time.Time `json:"time"`
	Domain       string    `json:"domain"`
	User         string    `json:"user"`
	IP           string    `json:"ip"`
	Browser      string    `json:"browser" doc:"for example Firefox; empty if unknown"`
	OS           string    `json:"os" doc:"for example Windows; empty if unknown"`
	SecondFactor string    `json:"second_factor" enum:"Messaging"`
	Method       string    `json:"method" enum:"code"`
	Outcome      string    `json:"outcome" enum:"approved,incorrect,denied,exhausted,expired,canceled,already_used,binding_mismatch,failed"`
}

func loginOf(i twofa.SignIn) Login {
	return Login{i.Time, i.Domain, i.User, i.IP, i.Browser, i.System, twofa.SecondFactor, twofa.Method, string(i.Result)}
}

func (s *Server) listLogins(ctx context.Context, in *struct {
	Domain  string `query:"domain" maxLength:"64" doc:"absent: the default domain"`
	From    string `query:"from" maxLength:"64" doc:"start: a date (00:00 UTC) or an RFC 3339 time; absent: the oldest entry"`
	To      string `query:"to" maxLength:"64" doc:"end: a date (included, UTC) or an RFC 3339 time (excluded); absent: now"`
	User    string `query:"user" maxLength:"256" doc:"only this user"`
	Outcome string `query:"outcome" enum:"approved,incorrect,denied,exhausted,expired,canceled,already_used,binding_mismatch,failed"`
	After   string `query:"after" maxLength:"64" doc:"next of the previous page"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" doc:"absent: 100 in JSON, all in CSV"`
	Accept  string `header:"Accept" hidden:"true"`
}) (*huma.StreamResponse, error) {
	if _, err := s.authorizeDomain(ctx, in.Domain); err != nil {
		return nil, err
	}
	q := twofa.SignInQuery{Domain: in.Domain, User: in.User, Result: twofa.Result(in.Outcome)}
	var err error
	if q.From, err = dayOrTime("query/from", in.From, 0); err != nil {
		return nil, err
	}
	if q.Before.Time, err = dayOrTime("query/to", in.To, 1); err != nil {
		return nil, err
	}
	if !q.Before.Time.IsZero() && !q.From.Before(q.Before.Time) {
		return nil, invalidField("query/to", "must be after from")
	}
	if in.After != "" {
		after, ok := twofa.ParsePosition(in.After)
		if !ok {
			return nil, invalidField("query/after", "is not the next of a page of this report; begin without it")
		}
		if q.Before.Time.IsZero() || after.Time.Before(q.Before.Time) {
			q.Before = after
		}
	}
	if negotiation.SelectQValueFast(in.Accept, []string{"application/json", csvType}) == csvType {
		return s.loginsCSV(ctx, q, in.Limit)
	}
	limit := cmp.Or(in.Limit, loginsPage)
	q.Limit = limit + 1
	found, err := s.o.Verifications.SignIns(ctx, q)
	if err != nil {
		return nil, err
	}
	list := LoginList{Logins: []Login{}}
	if len(found) > limit {
		found = found[:limit]
		list.Next = found[limit-1].Text()
	}
	for _, i := range found {
		list.Logins = append(list.Logins, loginOf(i))
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		answer.SetHeader("Content-Type", "application/json")
		_ = huma.DefaultJSONFormat.Marshal(answer.BodyWriter(), list) // the caller has disconnected
	}}, nil
}

// dayOrTime reads an RFC 3339 time, or a date as that many days after its start in UTC. An empty text is the zero time.
func dayOrTime(pointer, s string, days int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, days), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, invalidField(pointer, "must be a date such as 2026-11-02, or an RFC 3339 time such as 2026-11-02T09:00:00Z")
	}
	return t, nil
}
