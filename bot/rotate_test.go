package bot_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"telegate/bot"
	"telegate/delivery"
	"telegate/sandbox"
)

// VerifyToken checks a new token while the old one is in use; UseToken switches at once. Only the bot it belongs to matters.
func TestANewTokenIsVerifiedBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateConnected, true)
		id, _, _ := strings.Cut(testToken, ":")
		fresh := id + ":FRESH-token-of-the-simulated-bot-000"
		for token, want := range map[string]error{
			"nonsense": bot.ErrTokenShape, "2000000999:SOMEBODY-elses-token-of-a-bot-00000": bot.ErrOtherBot,
		} {
			if _, err := r.client.VerifyToken(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", token, err, want)
			}
		}
		_, err := r.client.VerifyToken(t.Context(), fresh) // Telegram does not know it
		if err == nil || strings.Contains(err.Error(), "FRESH") {
			t.Errorf("an unknown token: %v", err)
		}
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: alice.ID}, text("with the old one")); err != nil {
			t.Errorf("the old token: %v", err)
		}

		if err := tg.RevokeToken("GateBot", fresh); err != nil {
			t.Fatal(err)
		}
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: alice.ID}, text("too late")); err == nil {
			t.Error("the simulated Telegram still takes the old token")
		}
		g, err := r.client.VerifyToken(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		r.client.UseToken(g)
		if err := r.client.Send(t.Context(), delivery.Recipient{ChatID: alice.ID}, text("with the new one")); err != nil {
			t.Errorf("the new token: %v", err)
		}
		time.Sleep(time.Minute)
		expect(t, r, bot.StateConnected, true)
		if log := r.log.String(); strings.Contains(log, "FRESH") || strings.Contains(log, testToken[len(id)+1:]) {
			t.Errorf("a token is in the log: %s", log)
		}
	})
}

// RetryNow ends the pause after a rejected token, but not a flood wait.
func TestRetryNowEndsAPauseButNoFloodWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{Unauthorized: true})
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateUnauthorized, false)
		tg.SetFaults(sandbox.Faults{})
		began := time.Now()
		r.RetryNow()
		expect(t, r, bot.StateConnected, true)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("connected after %v", waited)
		}
		tg.SetFaults(sandbox.Faults{PollFloodWait: time.Hour})
		time.Sleep(2 * time.Minute)
		expect(t, r, bot.StateFloodWait, false)
		calls := len(tg.Calls())
		r.RetryNow()
		expect(t, r, bot.StateFloodWait, false)
		if now := len(tg.Calls()); now != calls {
			t.Errorf("Telegram was asked %d times during the wait", now-calls)
		}
	})
}
