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

// A fresh token is proven with the old one in use, and used from one moment to the next; whose it is decides, not what it looks like.
func TestAFreshTokenIsProvenBeforeItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, alice, transport := telegram(t)
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateConnected, true)
		id, _, _ := strings.Cut(testToken, ":")
		fresh := id + ":FRESH-token-of-the-simulated-bot-000"
		for token, want := range map[string]error{
			"nonsense": bot.ErrTokenShape, "2000000999:SOMEBODY-elses-token-of-a-bot-00000": bot.ErrOtherBot,
		} {
			if _, err := r.client.Prove(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", token, err, want)
			}
		}
		_, err := r.client.Prove(t.Context(), fresh) // Telegram does not know it
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
		g, err := r.client.Prove(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		r.client.Use(g)
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

// A nudge ends the pause after a refused token, and does not shorten a wait that Telegram has asked for.
func TestANudgeEndsAPauseButNoFloodWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tg, _, transport := telegram(t)
		tg.SetFaults(sandbox.Faults{Unauthorized: true})
		r := run(t, transport, nil, nil)
		expect(t, r, bot.StateUnauthorized, false)
		tg.SetFaults(sandbox.Faults{})
		began := time.Now()
		r.Nudge()
		expect(t, r, bot.StateConnected, true)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("connected after %v", waited)
		}
		tg.SetFaults(sandbox.Faults{PollFloodWait: time.Hour})
		time.Sleep(2 * time.Minute)
		expect(t, r, bot.StateFloodWait, false)
		calls := len(tg.Calls())
		r.Nudge()
		expect(t, r, bot.StateFloodWait, false)
		if now := len(tg.Calls()); now != calls {
			t.Errorf("Telegram was asked %d times during the wait", now-calls)
		}
	})
}
