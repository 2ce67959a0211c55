package gateway

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/bot"
	"telegate/userclient"
)

// nextStep matches a sentence that says what to do.
var nextStep = regexp.MustCompile(`(?i)\b(look|free|set|wait|stop|restart|remove|telegate [a-z]+|nothing to do|get|say why|ask|@botfather|goes on by itself)\b`)

func wantHealth(t *testing.T, name string, c api.Component, status string) {
	t.Helper()
	if c.Status != status {
		t.Errorf("%s: %+v, want %s", name, c, status)
	}
	if c.Status != api.HealthOK && (!strings.HasSuffix(c.Detail, ".") || !nextStep.MatchString(c.Detail)) {
		t.Errorf("%s is %s and does not say what to do: %q", name, c.Status, c.Detail)
	}
}

// A bot is failing if its polling stalls, in any state, and if only a person can help. A flood wait ends by itself.
func TestABotIsFailingWhenItsPollingStalls(t *testing.T) {
	now := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)
	started := now.Add(-time.Hour)
	for name, c := range map[string]struct {
		state  bot.State
		silent time.Duration // since the last answered poll
		ran    time.Duration // since the start
		status string
	}{
		"connected":                       {bot.StateConnected, 50 * time.Second, time.Hour, api.HealthOK},
		"connected, and hangs":            {bot.StateConnected, 3*time.Minute + time.Second, time.Hour, api.HealthFailing},
		"unreachable for a moment":        {bot.StateUnreachable, time.Minute, time.Hour, api.HealthDegraded},
		"unreachable for long":            {bot.StateUnreachable, 10 * time.Minute, time.Hour, api.HealthFailing},
		"just started, nothing yet":       {bot.StateConnecting, 0, time.Second, api.HealthDegraded},
		"started long ago, never polled":  {bot.StateConnecting, 0, 4 * time.Minute, api.HealthFailing},
		"restarted after a long stop":     {bot.StateConnecting, 10 * time.Hour, time.Second, api.HealthDegraded},
		"conflict, polling now and then":  {bot.StateConflict, time.Minute, time.Hour, api.HealthDegraded},
		"conflict that lets nothing pass": {bot.StateConflict, 4 * time.Minute, time.Hour, api.HealthFailing},
		"webhook":                         {bot.StateWebhookSet, 4 * time.Minute, time.Hour, api.HealthFailing},
		"refused token":                   {bot.StateUnauthorized, time.Second, time.Hour, api.HealthFailing},
		"flood wait":                      {bot.StateFloodWait, 5 * time.Hour, 6 * time.Hour, api.HealthDegraded},
	} {
		s := bot.Status{State: c.state, Since: started, Until: now.Add(time.Hour)}
		if c.state != bot.StateConnected && c.state != bot.StateConnecting {
			s.Detail = "As the bot says: look at it."
		}
		if c.silent > 0 {
			s.LastPoll = now.Add(-c.silent)
		}
		got := botHealth(2000000002, s, now.Add(-c.ran), now)
		wantHealth(t, name, got, c.status)
		if c.status == api.HealthFailing && c.state == bot.StateConnected && !strings.Contains(got.Detail, "no poll for 3m1s") {
			t.Errorf("%s: %q", name, got.Detail)
		}
	}
}

func TestABotWhoseClockIsWrongIsDegraded(t *testing.T) {
	now := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)
	s := bot.Status{State: bot.StateConnected, Since: now, LastPoll: now, Detail: "The clock is 2h0m0s behind. Set it."}
	wantHealth(t, "wrong clock", botHealth(2000000002, s, now, now), api.HealthDegraded)
}

// The outbox is failing if a message waits too long: a code earlier than others, a broadcast never.
func TestTheOutboxIsFailingWhenWhatWaitsIsTooOld(t *testing.T) {
	now := time.Date(2026, 11, 2, 3, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		code, rest time.Time
		err        error
		status     string
	}{
		"nothing waits":      {time.Time{}, time.Time{}, nil, api.HealthOK},
		"fresh ones":         {ago(time.Second), ago(30 * time.Second), nil, api.HealthOK},
		"an old message":     {time.Time{}, ago(2 * time.Minute), nil, api.HealthDegraded},
		"a very old one":     {ago(time.Second), ago(11 * time.Minute), nil, api.HealthFailing},
		"an old code":        {ago(61 * time.Second), ago(time.Second), nil, api.HealthFailing},
		"cannot be read":     {time.Time{}, time.Time{}, errors.New("disk I/O error"), api.HealthDegraded},
		"the clock set back": {now.Add(time.Hour), now.Add(time.Hour), nil, api.HealthOK},
	} {
		wantHealth(t, name, outboxHealth(3, c.code, c.rest, c.err, now), c.status)
	}
}

// An account in a final state is failing, because somebody has to sign in again.
func TestAnAccountIsFailingInAFinalState(t *testing.T) {
	for _, state := range accountStates {
		want := api.HealthDegraded
		switch state {
		case userclient.StateConnected:
			want = api.HealthOK
		case userclient.StateSignedOut, userclient.StateRevoked, userclient.StateDuplicated:
			want = api.HealthFailing
		}
		s := userclient.Status{State: state}
		if state.Final() {
			s.Detail = "Sign in again with telegate setup user."
		}
		wantHealth(t, string(state), accountHealth("user session", s), want)
	}
}

// An account that is connected although the clock of this machine is wrong works, but is not ok, as a bot is not.
func TestAConnectedAccountWithAWrongClockIsDegraded(t *testing.T) {
	const wrong = "The clock of this machine is 2m0s ahead of Telegram's. Set it with NTP."
	c := accountHealth("user session", userclient.Status{State: userclient.StateConnected, Detail: wrong})
	wantHealth(t, "account", c, api.HealthDegraded)
	if c.State != "connected" || c.Detail != wrong {
		t.Errorf("the account is %+v", c)
	}
	wantHealth(t, "bot", botHealth(1, bot.Status{State: bot.StateConnected, LastPoll: time.Now(), Detail: wrong}, time.Now(), time.Now()), api.HealthDegraded)
}
