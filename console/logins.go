package console

import (
	"errors"
	"html/template"
	"net/http"
	"slices"
	"time"

	"telegate/twofa"
)

// Sizes of the login report.
const (
	loginsPerPage  = 50
	chartDays      = 30  // default length of the chart
	maxChartDays   = 400 // the audit is kept this long
	reportDeadline = time.Minute
)

// loginsData is the data of the login report.
type loginsData struct {
	User     string
	Outcome  twofa.Result
	From, To string // dates as typed, 2006-01-02
	After    string
	Problem  string // with the filter; then there is no list

	Logins []twofa.SignIn
	Next   string // id for the next page; empty on the last
	Live   bool   // new entries can appear
	Chart  chart
}

// Outcomes are the outcomes to filter by.
func (loginsData) Outcomes() []twofa.Result { return twofa.Results }

// Filter is the query for the same filter, with more parameters.
func (d loginsData) Filter(domain string, more ...string) template.URL {
	return query(append([]string{"domain", domain, "user", d.User, "outcome", string(d.Outcome), "from", d.From, "to", d.To}, more...)...)
}

// loginResults are the results of a check in words.
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

func (c *Console) showLogins(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	d, data, q, err := c.readLoginFilter(r, admin)
	if err != nil {
		return err
	}
	if data.Problem != "" {
		return c.render(w, http.StatusUnprocessableEntity, "logins.html", "layout", c.page(admin, "logins", d, data))
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
		return c.renderPartial(w, admin, "logins.html", "list", "logins", d, data)
	}
	if data.Chart, err = c.chart(r.Context(), q, data); err != nil {
		return err
	}
	return c.show(w, r, admin, "logins.html", "logins", d, data)
}

// loginsCSV writes everything that matches the filter. On an error it cuts the connection.
func (c *Console) loginsCSV(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	_, data, q, err := c.readLoginFilter(r, admin)
	if err != nil {
		return err
	}
	if data.Problem != "" {
		return newPageError(http.StatusUnprocessableEntity, "This report does not exist", data.Problem)
	}
	report, err := c.o.Verifications.Report(r.Context(), q, 0)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="sign-ins.csv"`)
	err = report.CSV(r.Context(), w, func() {
		// the server's write timeout is for a whole answer; here each page gets that time
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

// readLoginFilter reads the filter. What the user can correct goes into Problem.
func (c *Console) readLoginFilter(r *http.Request, admin adminSession) (d Domain, data loginsData, q twofa.SignInQuery, err error) {
	if d, err = c.domain(r, admin); err != nil {
		return d, data, q, err
	}
	var outcome string
	for _, f := range []struct {
		read func(r *http.Request, name string, max int) (string, error)
		name string
		to   *string
		max  int
	}{
		{field, "user", &data.User, maxUser}, {trimmedField, "outcome", &outcome, maxWord}, {trimmedField, "from", &data.From, maxWord},
		{trimmedField, "to", &data.To, maxWord}, {field, "after", &data.After, maxWord},
	} {
		if *f.to, err = f.read(r, f.name, f.max); err != nil {
			return d, data, q, err
		}
	}
	data.Outcome = twofa.Result(outcome)
	q = twofa.SignInQuery{Domain: d.ID, User: data.User, Result: data.Outcome}
	if outcome != "" && !slices.Contains(twofa.Results, data.Outcome) {
		data.Problem, data.Outcome = "This outcome does not exist. Choose one from the list.", ""
		return d, data, q, nil
	}
	from, errFrom := parseDay(data.From)
	until, errUntil := parseDay(data.To)
	switch {
	case errFrom != nil || errUntil != nil:
		data.Problem = "A day is written as YYYY-MM-DD."
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
			data.Problem = "This page of the report does not exist. Go back to the first page."
			return d, data, q, nil
		}
		if q.Before.Time.IsZero() || after.Time.Before(q.Before.Time) {
			q.Before = after
		}
	}
	return d, data, q, nil
}

// errNotADay means not a date, or an implausible one.
var errNotADay = errors.New("not a day")

// parseDay reads a date, UTC; the zero time for an empty text.
func parseDay(typed string) (time.Time, error) {
	if typed == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, typed)
	if err != nil || t.Year() < 2000 {
		return time.Time{}, errNotADay
	}
	return t, nil
}
