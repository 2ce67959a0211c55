package console

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"telegate/delivery"
	"telegate/notify"
)

const (
	traceEvents = 200
	traceDays   = 1 // default length of a trace
)

// traceData is the data of a trace: why a user did or did not get something.
type traceData struct {
	User   string // empty: no user is chosen yet
	Days   int
	Until  string   // an RFC 3339 time, on an older page
	State  userData // of the user, or of the holder of the handle; empty if there is none
	Holder string   // who has the handle, if User is one
	Trace  notify.Trace
	Events []notify.TraceEvent // newest first
	Older  string              // Until of the next older page; empty on the last
}

// Spans are the lengths to choose from.
func (traceData) Spans() []choice {
	return []choice{{"1", "A day"}, {"3", "3 days"}, {"7", "A week"}, {"30", "30 days"}}
}

func (c *Console) showTrace(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	data := traceData{Days: traceDays}
	var err error
	if data.User, err = field(r, "user", maxUser); err != nil {
		return err
	}
	days, err := trimmedField(r, "days", maxWord)
	if err != nil {
		return err
	}
	if data.Until, err = field(r, "until", maxWord); err != nil {
		return err
	}
	for _, s := range data.Spans() {
		if s.Value == days {
			data.Days, _ = strconv.Atoi(days) // it is one of Spans
		}
	}
	until := c.o.Now()
	if data.Until != "" {
		if until, err = time.Parse(time.RFC3339Nano, data.Until); err != nil || until.Year() < 2000 {
			return newPageError(http.StatusUnprocessableEntity, "This time does not exist", "Start with the newest events.")
		}
	}
	if data.User != "" {
		q := notify.TraceQuery{Domain: d.ID, User: data.User, Since: until.AddDate(0, 0, -data.Days), Until: until, Limit: traceEvents}
		if err := c.findHolders(r.Context(), &q); err != nil {
			return err
		}
		switch {
		case !strings.HasPrefix(q.User, "@"):
			data.State, err = c.userData(r.Context(), admin, d, q.User)
		case len(q.Holders) > 0:
			data.Holder = notify.HolderSentence(q)
			data.State, err = c.userData(r.Context(), admin, d, q.Holders[0])
		default:
			data.Holder = notify.HolderSentence(q)
		}
		if err != nil {
			return err
		}
		if data.Trace, err = c.o.Messages.Trace(r.Context(), q); err != nil {
			return err
		}
		data.Events = slices.Clone(data.Trace.Events)
		slices.Reverse(data.Events)
		if data.Trace.More && len(data.Events) > 0 {
			data.Older = data.Trace.Events[0].Time.UTC().Format(time.RFC3339Nano)
		}
	}
	return c.show(w, r, admin, "trace.html", "messages", d, data)
}

// findHolders adds the users who are linked to the account with a handle, if the query is about one.
func (c *Console) findHolders(ctx context.Context, q *notify.TraceQuery) error {
	name, err := delivery.Username(q.User)
	if !strings.HasPrefix(q.User, "@") || err != nil {
		return nil
	}
	q.User = "@" + strings.ToLower(name)
	q.Holders, err = c.o.Links.Holders(ctx, q.Domain, name)
	return err
}

// eventTone is the tone of an event, so that failures are easy to see.
func eventTone(e notify.TraceEvent) string {
	switch {
	case e.Event == "message.ended" && e.Outcome == string(delivery.StatusDelivered), e.Outcome == delivery.OutcomeAccepted:
		return "good"
	case e.Event == "message.ended", e.Event == "message.refused", strings.HasSuffix(e.Event, ".denied"), strings.HasSuffix(e.Event, ".suspended"):
		return "bad"
	case e.Event == "message.attempt", e.Event == "message.suppressed", e.Event == "factor.throttled":
		return "warn"
	default:
		return ""
	}
}

// eventName is the name of an event for people.
func eventName(event string) string { return strings.NewReplacer(".", " ", "_", " ").Replace(event) }

// isMessage reports whether an id is that of a message, which has its own page.
func isMessage(id string) bool { return strings.HasPrefix(id, "msg_") }
