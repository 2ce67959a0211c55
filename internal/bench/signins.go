package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"telegate/api"
	"telegate/db"
	"telegate/internal/audit"
	"telegate/twofa"
)

var signInsScenario = scenario{name: "report", run: runSignIns, figures: []figure{
	{key: "console", what: "a page of the login report of 1,000,000 sign-ins, with its chart, in the console: time to answer, p99", unit: "ms", target: atMost(50)},
	{key: "console p50", what: "p50", unit: "ms"},
	{key: "api", what: "a page of GET /v1/logins: time to answer, p99", unit: "ms", target: atMost(50)},
	{key: "api p50", what: "p50", unit: "ms"},
	{key: "mb", what: "memory afterwards", unit: "MB"},
}}

const (
	signInUsers   = 100_000
	signInDays    = 390 // the audit keeps 400
	signInBatch   = 100_000
	busyUserEvery = 100    // sign-ins is one of the busiest user
	failedEvery   = 10     // sign-ins fails one
	deniedEvery   = 10_000 // sign-ins is one denied: a rare outcome must not need a full scan
)

// browsers are the browsers of the sign-ins.
var browsers = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
}

// seedSignIns adds that many sign-ins to the default domain, spread over the last days and over its users.
func seedSignIns(count int) seedFunc {
	return func(ctx context.Context, d *db.DB) error {
		now := time.Now()
		began := now.AddDate(0, 0, -signInDays)
		r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same database each time
		for n := 0; n < count; {
			entries := make([]audit.Entry, 0, signInBatch)
			for ; len(entries) < signInBatch && n < count; n++ {
				e := audit.Entry{
					Time:  began.Add(time.Duration(float64(now.Sub(began)) * float64(n) / float64(count))),
					Event: audit.VerificationChecked, Purpose: string(twofa.Login), User: userNumber(r.IntN(signInUsers)).user,
					Subject: fmt.Sprintf("ver_bench%010d", n), Outcome: string(twofa.ResultApproved),
					Context: audit.Context{IP: fmt.Sprintf("203.0.113.%d", r.IntN(256)), UserAgent: browsers[r.IntN(len(browsers))]},
				}
				switch {
				case n%deniedEvery == 1:
					e.Outcome = string(twofa.ResultDenied)
				case n%failedEvery == 0:
					e.Outcome = string(twofa.ResultIncorrect)
				}
				if n%busyUserEvery == 3 {
					e.User = userNumber(0).user
				}
				entries = append(entries, e)
			}
			// Sorted as in the indexes by user, which do not fit in memory: that is several times faster.
			slices.SortStableFunc(entries, func(a, b audit.Entry) int { return strings.Compare(a.User, b.User) })
			err := d.UpdateVerifications(ctx, func(tx twofa.Tx) error {
				for _, e := range entries {
					if err := tx.Audit(e); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("make %d sign-ins: %w", n, err)
			}
		}
		return nil
	}
}

// runSignIns asks for pages of the login report with all kinds of queries, in turn from the API and from the console.
func runSignIns(ctx context.Context, su *suite) (outcome, error) {
	env, err := su.open(ctx, fmt.Sprintf("%d sign-ins", su.size.signIns), seedSignIns(su.size.signIns), telegramLimits, func(env *environment) error {
		return env.telegram.addBot(ctx, botNumber(0), nil)
	})
	if err != nil {
		return outcome{}, err
	}
	defer env.close()
	pages, err := dial(ctx, env.gateway.address, env.gateway.key)
	if err != nil {
		return outcome{}, err
	}
	defer pages.close()
	cookie, err := env.gateway.consoleCookie(ctx)
	if err != nil {
		return outcome{}, err
	}
	pages.head += "Cookie: " + cookie + "\r\n"
	asked, err := reportQueries(env.gateway)
	if err != nil {
		return outcome{}, err
	}
	took := map[string][]float64{}
	for i := range su.size.calls {
		query := asked[i%len(asked)]
		for _, page := range []struct {
			key, path, holds string
			conn             *conn
		}{
			{"api", "/v1/logins?limit=50&", `"logins":[{`, env.gateway.conn},
			{"console", "/console/logins?", `data-testid="login"`, pages},
		} {
			began := time.Now()
			status, answer, err := page.conn.do("GET", page.path+query, nil)
			if err != nil {
				return outcome{}, err
			}
			took[page.key] = append(took[page.key], millis(time.Since(began)))
			if status != http.StatusOK || !strings.Contains(string(answer), page.holds) {
				return outcome{}, &statusError{page.path + query, status, string(answer)}
			}
		}
	}
	values := map[string]float64{}
	for key, list := range took {
		values[key], values[key+" p50"] = percentile(list, 0.99), percentile(list, 0.5)
	}
	values["mb"], err = env.gateway.memory()
	return outcome{values: values}, err
}

// reportQueries are the kinds of queries: all, the busiest user, another user, a frequent and a rare outcome, user and outcome, a month, one day,
// everything with a chart of 390 days, and a page deep inside.
func reportQueries(g *gateway) ([]string, error) {
	var first api.LoginList
	if err := g.conn.ask(http.StatusOK, "GET", "/v1/logins?limit=1&outcome=incorrect", nil, &first); err != nil {
		return nil, err
	}
	if len(first.Logins) == 0 {
		return nil, errors.New("the report is empty")
	}
	day := func(ago int) string { return time.Now().UTC().AddDate(0, 0, -ago).Format(time.DateOnly) }
	middle := twofa.Position{Time: time.Now().AddDate(0, 0, -signInDays/2), Seq: 1}
	busy := userNumber(0).user
	var asked []string
	for _, query := range []url.Values{
		{},
		{"user": {busy}},
		{"user": {first.Logins[0].User}},
		{"outcome": {"approved"}},
		{"outcome": {"denied"}},
		{"user": {busy}, "outcome": {"approved"}, "from": {day(signInDays)}},
		{"from": {day(60)}, "to": {day(30)}},
		{"from": {day(100)}, "to": {day(100)}},
		{"from": {day(signInDays)}},
		{"after": {middle.Text()}},
	} {
		asked = append(asked, query.Encode())
	}
	return asked, nil
}

// consoleCookie signs in to the console and returns the session cookie.
func (g *gateway) consoleCookie(ctx context.Context) (string, error) {
	form := strings.NewReader(url.Values{"key": {g.key}}.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.address+"/console/sign-in", form)
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r) // without following the redirect
	if err != nil {
		return "", fmt.Errorf("sign in to the console: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		return "", &statusError{"POST /console/sign-in", resp.StatusCode, ""}
	}
	return resp.Cookies()[0].Name + "=" + resp.Cookies()[0].Value, nil
}
