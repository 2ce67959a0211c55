package console

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"time"

	"telegate/twofa"
)

// The numbers of the login report.
const (
	loginsPerPage  = 50
	chartDays      = 30  // drawn unless days are asked for
	maxChartDays   = 400 // as long as the audit is kept
	reportDeadline = time.Minute
)

// loginsData is the login report.
type loginsData struct {
	User     string
	Outcome  twofa.Result
	From, To string // days as they were typed, 2006-01-02
	After    string
	Problem  string // of the filter; then there is no list

	Logins []twofa.SignIn
	Next   string // of the page after; empty on the last
	Live   bool   // new ones can come in
	Chart  chart
}

// Outcomes are what one can filter by.
func (loginsData) Outcomes() []twofa.Result { return twofa.Results }

// Filter is the part of an address that asks for the same lines, and more.
func (d loginsData) Filter(domain string, more ...string) template.URL {
	return query(append([]string{"domain", domain, "user", d.User, "outcome", string(d.Outcome), "from", d.From, "to", d.To}, more...)...)
}

// loginResults says what came of a check, for people.
var loginResults = map[twofa.Result]state{
	twofa.ResultApproved:        {"Signed in", "good"},
	twofa.ResultIncorrect:       {"Wrong code", "bad"},
	twofa.ResultDenied:          {"Tapped Not me", "bad"},
	twofa.ResultExhausted:       {"Too many wrong codes", "bad"},
	twofa.ResultExpired:         {"Code expired", "warn"},
	twofa.ResultCanceled:        {"Canceled", "warn"},
	twofa.ResultAlreadyUsed:     {"Code used twice", "bad"},
	twofa.ResultBindingMismatch: {"From another session", "bad"},
	twofa.ResultFailed:          {"Code not delivered", "warn"},
}

func (c *Console) showLogins(w http.ResponseWriter, r *http.Request, v visit) error {
	d, data, q, err := c.loginFilter(r, v)
	if err != nil {
		return err
	}
	if data.Problem != "" {
		return c.render(w, http.StatusUnprocessableEntity, "logins.html", "layout", c.page(v, "logins", d, data))
	}
	q.Limit = loginsPerPage + 1
	if data.Logins, err = c.o.Verifications.SignIns(r.Context(), q); err != nil {
		return err
	}
	if len(data.Logins) > loginsPerPage {
		data.Logins = data.Logins[:loginsPerPage]
		data.Next = data.Logins[loginsPerPage-1].Text()
	}
	if r.URL.Query().Get("part") == "list" {
		return c.live(w, v, "logins.html", "list", "logins", d, data)
	}
	if data.Chart, err = c.chart(r.Context(), q, data); err != nil {
		return err
	}
	return c.show(w, r, v, "logins.html", "logins", d, data)
}

// loginsCSV writes all that the filter lets through. If it cannot be finished, the connection breaks off.
func (c *Console) loginsCSV(w http.ResponseWriter, r *http.Request, v visit) error {
	_, data, q, err := c.loginFilter(r, v)
	if err != nil {
		return err
	}
	if data.Problem != "" {
		return refuse(http.StatusUnprocessableEntity, "There is no such report", data.Problem)
	}
	report, err := c.o.Verifications.Report(r.Context(), q, 0)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="sign-ins.csv"`)
	err = report.CSV(r.Context(), w, func() {
		// The server's limit is for a whole answer; here each page may take as long.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(reportDeadline))
	})
	if err != nil {
		if r.Context().Err() == nil {
			c.o.Logger.ErrorContext(r.Context(), "a report was cut off", "path", r.URL.Path, "error", err)
		}
		panic(http.ErrAbortHandler)
	}
	return nil
}

// loginFilter reads what is asked for. What a person can mend is a Problem.
func (c *Console) loginFilter(r *http.Request, v visit) (d Domain, data loginsData, q twofa.SignInQuery, err error) {
	if d, err = c.domain(r, v); err != nil {
		return d, data, q, err
	}
	var outcome string
	for _, f := range []struct {
		read func(r *http.Request, name string, max int) (string, error)
		name string
		to   *string
		max  int
	}{
		{field, "user", &data.User, maxUser}, {typedField, "outcome", &outcome, maxWord}, {typedField, "from", &data.From, maxWord},
		{typedField, "to", &data.To, maxWord}, {field, "after", &data.After, maxWord},
	} {
		if *f.to, err = f.read(r, f.name, f.max); err != nil {
			return d, data, q, err
		}
	}
	data.Outcome = twofa.Result(outcome)
	q = twofa.SignInQuery{Domain: d.ID, User: data.User, Result: data.Outcome}
	if outcome != "" && !slices.Contains(twofa.Results, data.Outcome) {
		data.Problem, data.Outcome = "There is no such outcome; choose one of the list.", ""
		return d, data, q, nil
	}
	from, errFrom := day(data.From)
	until, errUntil := day(data.To)
	switch {
	case errFrom != nil || errUntil != nil:
		data.Problem = "A day is written as in 2026-11-02."
		return d, data, q, nil
	case data.From != "" && data.To != "" && until.Before(from):
		data.Problem = "The last day is before the first."
		return d, data, q, nil
	}
	q.From = from
	if data.To != "" {
		q.Before.Time = until.AddDate(0, 0, 1)
	}
	data.Live = data.After == "" && (data.To == "" || q.Before.Time.After(c.o.Now()))
	if data.After != "" {
		after, ok := twofa.ParsePosition(data.After)
		if !ok {
			data.Problem = "There is no such page of this report. Begin at its first."
			return d, data, q, nil
		}
		if q.Before.Time.IsZero() || after.Time.Before(q.Before.Time) {
			q.Before = after
		}
	}
	return d, data, q, nil
}

// errDay is a day that is none, or of a time that nobody asks for.
var errDay = errors.New("not a day")

// day reads a day, UTC; the zero time for nothing.
func day(typed string) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, typed)
	if err != nil || t.Year() < 2000 {
		return time.Time{}, errDay
	}
	return t, nil
}
