package console

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"telegate/delivery"
	"telegate/notify"
)

const broadcastsPerPage = 20

// broadcastsData is the list of broadcasts.
type broadcastsData struct {
	After      string
	Broadcasts []broadcastRow
	Next       string // of the page after; empty on the last
}

type broadcastRow struct{ notify.BroadcastReport }

// NotDelivered is how many it has not reached, or not surely.
func (r broadcastRow) NotDelivered() int {
	o := r.Tally.Outcomes
	return o.Failed + o.Expired + o.Unknown
}

// broadcastStates says how a broadcast stands.
var broadcastStates = map[notify.BroadcastStatus]state{
	notify.BroadcastScheduled: {"Scheduled", ""},
	notify.BroadcastSending:   {"Sending", ""},
	notify.BroadcastDone:      {"Done", "good"},
	notify.BroadcastCanceled:  {"Canceled", "warn"},
}

func (c *Console) listBroadcasts(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	d, err := c.domain(r, admin)
	if err != nil {
		return err
	}
	var data broadcastsData
	if data.After, err = field(r, "after", maxWord); err != nil {
		return err
	}
	reports, err := c.o.Broadcasts.List(r.Context(), d.ID, data.After, broadcastsPerPage+1)
	if err != nil {
		return err
	}
	if len(reports) > broadcastsPerPage {
		reports = reports[:broadcastsPerPage]
		data.Next = reports[broadcastsPerPage-1].ID
	}
	for _, report := range reports {
		data.Broadcasts = append(data.Broadcasts, broadcastRow{report})
	}
	if r.URL.Query().Get("part") == "list" {
		return c.renderPartial(w, admin, "broadcasts.html", "list", "broadcasts", d, data)
	}
	return c.show(w, r, admin, "broadcasts.html", "broadcasts", d, data)
}

// broadcastData is the page of one broadcast.
type broadcastData struct {
	Report notify.BroadcastReport
}

// Finished is how many recipients have an outcome.
func (d broadcastData) Finished() int {
	o := d.Report.Tally.Outcomes
	return o.Total() - o.Waiting - o.Queued - o.Sending
}

// Cancelable tells whether there is something left to cancel.
func (d broadcastData) Cancelable() bool {
	return d.Report.Status == notify.BroadcastScheduled || d.Report.Status == notify.BroadcastSending
}

// outcomeRow is how many recipients a broadcast has left where.
type outcomeRow struct {
	Words, Tone string
	Status      string // to look for in the list of messages; empty: there are no messages yet
	Count       int
}

// Outcomes are those that somebody has, in the order in which one asks.
func (d broadcastData) Outcomes() []outcomeRow {
	o := d.Report.Tally.Outcomes
	rows := []outcomeRow{
		{"Delivered", "good", "delivered", o.Delivered}, {"Failed", "bad", "failed", o.Failed}, {"Expired", "warn", "expired", o.Expired},
		{"Unknown: sent, and the answer was lost", "warn", "unknown", o.Unknown}, {"Canceled", "warn", "canceled", o.Canceled},
		{"In the queue", "", "queued", o.Queued + o.Sending}, {"Not begun", "", "", o.Waiting},
	}
	return slices.DeleteFunc(rows, func(r outcomeRow) bool { return r.Count == 0 && r.Status != "delivered" })
}

// reasonRow is how often something was the reason.
type reasonRow struct {
	Words string
	Count int
}

// failureTexts says why messages have not arrived, with the next step.
var failureTexts = map[delivery.Reason]string{
	delivery.ReasonNeverStarted:   "had no linked chat, or never pressed Start: link them",
	delivery.ReasonBlockedByUser:  "have blocked the bot: they press Start in its chat",
	delivery.ReasonDeactivated:    "have no Telegram account any more: link them anew",
	delivery.ReasonChatNotFound:   "have a chat that Telegram does not know: link them anew",
	delivery.ReasonMuted:          "have muted messages: only codes reach them",
	delivery.ReasonMessageExpired: "did not get their turn in time: let the next broadcast live longer",
	delivery.ReasonUnreachable:    "could not be reached because Telegram was not: look at Status",
	delivery.ReasonUnauthorized:   "could not be reached because Telegram refuses the bot's token: look at Status",
	delivery.ReasonRejected:       "got nothing because Telegram rejected the message",
}

// Reasons are why it has not arrived, the most frequent first.
func (d broadcastData) Reasons() []reasonRow {
	var rows []reasonRow
	for reason, n := range d.Report.Tally.Reasons {
		rows = append(rows, reasonRow{cmp.Or(failureTexts[reason], strings.ReplaceAll(string(reason), "_", " ")), n})
	}
	slices.SortFunc(rows, func(a, b reasonRow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Words, b.Words))
	})
	return rows
}

// broadcast reads the broadcast of a request. One of a domain that the key may not see is as good as none.
func (c *Console) broadcast(ctx context.Context, id string, admin adminSession) (Domain, broadcastData, error) {
	report, err := c.o.Broadcasts.Get(ctx, id)
	if errors.Is(err, notify.ErrBroadcastNotFound) || err == nil && !admin.key.allows(report.Domain) {
		err = newPageError(http.StatusNotFound, "There is no such broadcast", "Look for it in the list.")
	}
	if err != nil {
		return Domain{}, broadcastData{}, err
	}
	return c.domainByID(report.Domain), broadcastData{report}, nil
}

func (c *Console) showBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	d, data, err := c.broadcast(r.Context(), r.PathValue("id"), admin)
	if err != nil {
		return err
	}
	if r.URL.Query().Get("part") == "progress" {
		return c.renderPartial(w, admin, "broadcast.html", "progress", "broadcasts", d, data)
	}
	return c.show(w, r, admin, "broadcast.html", "broadcasts", d, data)
}

func (c *Console) cancelBroadcast(w http.ResponseWriter, r *http.Request, admin adminSession) error {
	_, data, err := c.broadcast(r.Context(), r.PathValue("id"), admin)
	if err != nil {
		return err
	}
	back := Path + "/broadcasts/" + data.Report.ID
	report, err := c.o.Broadcasts.Cancel(withActor(r, admin), data.Report.ID)
	if err != nil {
		return c.redirectFailed(w, r, admin, back, err)
	}
	return c.redirectDone(w, r, admin, back, fmt.Sprintf("Canceled. It was delivered to %d of %d; what was on its way right now may still arrive.",
		report.Tally.Delivered, report.Tally.Total()))
}
