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

// broadcastsData is the data of the list of broadcasts.
type broadcastsData struct {
	After      string
	Broadcasts []broadcastRow
	Next       string // id for the next page; empty on the last
}

type broadcastRow struct{ notify.BroadcastReport }

// NotDelivered is the number of recipients that it did not, or may not, have reached.
func (r broadcastRow) NotDelivered() int {
	o := r.Tally.Outcomes
	return o.Failed + o.Expired + o.Unknown
}

// broadcastStates are the states of a broadcast in words.
var broadcastStates = map[notify.BroadcastStatus]state{
	notify.BroadcastScheduled: {"Scheduled", ""},
	notify.BroadcastSending:   {"Sending", ""},
	notify.BroadcastDone:      {"Done", "good"},
	notify.BroadcastCanceled:  {"Canceled", "warn"},
}

func (c *Console) listBroadcasts(w http.ResponseWriter, r *http.Request, admin adminSession, d Domain) error {
	var data broadcastsData
	var err error
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

// broadcastData is the data of the page of one broadcast.
type broadcastData struct {
	Report notify.BroadcastReport
}

// Finished is the number of recipients with an outcome.
func (d broadcastData) Finished() int {
	o := d.Report.Tally.Outcomes
	return o.Total() - o.Waiting - o.Queued - o.Sending
}

// Cancelable reports whether there is anything left to cancel.
func (d broadcastData) Cancelable() bool {
	return d.Report.Status == notify.BroadcastScheduled || d.Report.Status == notify.BroadcastSending
}

// outcomeRow is the number of recipients with one outcome.
type outcomeRow struct {
	Words, Tone string
	Status      string // filter for the list of messages; empty if there are no messages yet
	Count       int
}

// Outcomes are the outcomes that occurred, most interesting first.
func (d broadcastData) Outcomes() []outcomeRow {
	o := d.Report.Tally.Outcomes
	rows := []outcomeRow{
		{"Delivered", "good", "delivered", o.Delivered}, {"Failed", "bad", "failed", o.Failed}, {"Expired", "warn", "expired", o.Expired},
		{"Unknown: sent, and the answer was lost", "warn", "unknown", o.Unknown}, {"Canceled", "warn", "canceled", o.Canceled},
		{"In the queue", "", "queued", o.Queued + o.Sending}, {"Not started", "", "", o.Waiting},
	}
	return slices.DeleteFunc(rows, func(r outcomeRow) bool { return r.Count == 0 && r.Status != "delivered" })
}

// reasonRow is a reason and how often it occurred.
type reasonRow struct {
	Words string
	Count int
}

// failureTexts say why messages did not arrive, and what to do.
var failureTexts = map[delivery.Reason]string{
	delivery.ReasonNeverStarted:   "have no linked chat, or never pressed Start: link them",
	delivery.ReasonBlockedByUser:  "have blocked the bot: they press Start in its chat",
	delivery.ReasonDeactivated:    "have deleted their Telegram account: link them again",
	delivery.ReasonChatNotFound:   "have a chat that Telegram does not know: link them again",
	delivery.ReasonMuted:          "have muted messages: only codes reach them",
	delivery.ReasonMessageExpired: "were not reached in time: give the next broadcast a longer lifetime",
	delivery.ReasonUnreachable:    "could not be reached because Telegram was unreachable: see Status",
	delivery.ReasonUnauthorized:   "could not be reached because Telegram rejects the bot's token: see Status",
	delivery.ReasonRejected:       "got nothing because Telegram rejected the message",
}

// Reasons are why messages did not arrive, most frequent first.
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

// broadcast reads the broadcast of a request. One in a domain that the key may not use is not found.
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
