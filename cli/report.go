package cli

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"telegate/api"
)

type reportLoginsCmd struct {
	gatewayFlags
	Domain  string `placeholder:"ID" help:"The domain; empty for the default domain."`
	From    string `placeholder:"DAY" help:"The first day (YYYY-MM-DD), or a time in RFC 3339 (default: a week ago)."`
	To      string `placeholder:"DAY" help:"The last day, or the end as a time in RFC 3339 (default: now)."`
	User    string `placeholder:"USER" help:"Only this user."`
	Outcome string `placeholder:"WORD" help:"Only this outcome: approved, incorrect, denied, exhausted, expired, canceled, already_used, binding_mismatch, failed."`
	Format  string `default:"table" enum:"table,csv,json" placeholder:"FORMAT" help:"table, csv, or json with one sign-in per line (default ${default})."`
	JSON    bool   `help:"The same as --format json."`
}

// Help implements kong.HelpProvider.
func (reportLoginsCmd) Help() string {
	return `Each check of a sign-in code is a line, the newest first. Addresses and browsers come from your server. Days are in the time zone of this
machine; CSV and JSON have times in UTC. It needs a key with the scope admin.

    telegate report logins --user alice --from $(date -d yesterday +%F)
    telegate report logins --outcome denied
    telegate report logins --from $(date -d '-30 days' +%F) --format csv > logins.csv`
}

// Run prints the login report.
func (c reportLoginsCmd) Run(ctx context.Context, env *Env) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	from := localDay(c.From, 0)
	if from == "" {
		from = time.Now().AddDate(0, 0, -7).UTC().Format(time.RFC3339)
	}
	query := url.Values{"domain": {c.Domain}, "from": {from}}
	setParam(query, "to", localDay(c.To, 1))
	setParam(query, "user", c.User)
	setParam(query, "outcome", c.Outcome)
	if c.JSON {
		c.Format = "json"
	}
	if c.Format == "csv" {
		return client.download(ctx, "/v1/logins?"+query.Encode(), "text/csv", env.Stdout)
	}
	query.Set("limit", strconv.Itoa(pageSize))
	list := newList(env.Stdout, c.Format == "json", "TIME", "USER", "ADDRESS", "BROWSER", "SYSTEM", "SECOND FACTOR", "OUTCOME")
	for {
		var page api.LoginList
		if err := client.call(ctx, "GET", "/v1/logins?"+query.Encode(), nil, nil, &page); err != nil {
			return err
		}
		for _, l := range page.Logins {
			if err := list.add(l, LocalTime(l.Time), l.User, l.IP, l.Browser, l.OS, l.SecondFactor, l.Outcome); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return list.flush()
		}
		query.Set("after", page.Next)
	}
}

// localDay turns a date into the start of that day in the local time zone, plus a number of days. Any other text stays unchanged.
func localDay(s string, days int) string {
	day, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return s
	}
	return startOfDay(day.Year(), day.Month(), day.Day()+days, time.Local).UTC().Format(time.RFC3339)
}

// startOfDay is the first moment of a day. Where the clocks go forward at midnight that is 01:00; time.Date may then return a time of the
// day before.
func startOfDay(year int, month time.Month, day int, where *time.Location) time.Time {
	start := time.Date(year, month, day, 0, 0, 0, 0, where)
	if start.Day() == time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Day() {
		return start
	}
	_, end := start.ZoneBounds() // the change that skips midnight
	return end
}
