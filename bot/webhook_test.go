package bot_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"telegate/bot"
	"telegate/sandbox"
)

func TestWebhookIsFoundAndRemovedAndItsPathNeverShown(t *testing.T) {
	telegram := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(telegram)
	defer server.Close()
	defer telegram.Close()
	if _, err := telegram.AddBot(testToken, "GateBot", "Gate"); err != nil {
		t.Fatal(err)
	}
	c, err := bot.NewClient(bot.Options{Token: testToken, BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got, err := c.Webhook(t.Context()); err != nil || got != (bot.Webhook{}) {
		t.Errorf("without a webhook: %+v, %v", got, err)
	}
	telegram.SetFaults(sandbox.Faults{WebhookSet: true})
	if got, err := c.Webhook(t.Context()); err != nil || got.Host != "example.com" {
		t.Errorf("with a webhook: %+v, %v", got, err)
	}
	if err := c.DeleteWebhook(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Webhook(t.Context()); err != nil || got.Host != "" {
		t.Errorf("after its removal: %+v, %v", got, err)
	}
	for _, call := range telegram.Calls() {
		if call.Method == "deleteWebhook" && call.Params["drop_pending_updates"] == "true" {
			t.Error("updates that waited were thrown away")
		}
	}
}

func TestDiagnoseTellsTroublesApart(t *testing.T) {
	telegram := sandbox.New(sandbox.Options{})
	server := httptest.NewServer(telegram)
	defer server.Close()
	defer telegram.Close()
	if _, err := telegram.AddBot(testToken, "GateBot", "Gate"); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		faults sandbox.Faults
		token  string
		state  bot.State
		detail string
	}{
		"revoked":    {sandbox.Faults{Unauthorized: true}, testToken, bot.StateUnauthorized, "@BotFather"},
		"foreign":    {sandbox.Faults{}, "123456789:" + strings.Repeat("b", 35), bot.StateUnauthorized, "@BotFather"},
		"cut off":    {sandbox.Faults{Down: true}, testToken, bot.StateUnreachable, "cannot be reached"},
		"proxy page": {sandbox.Faults{BadGateway: true}, testToken, bot.StateUnreachable, "HTTP status 502"},
		"closing":    {sandbox.Faults{ServerError: true}, testToken, bot.StateClosing, "set baseurl to the new server"},
		"flood wait": {sandbox.Faults{PollFloodWait: time.Minute}, testToken, bot.StateFloodWait, "1m0s"},
	} {
		telegram.SetFaults(test.faults)
		c, err := bot.NewClient(bot.Options{Token: test.token, BaseURL: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetMe(t.Context())
		c.Close()
		if err == nil {
			t.Errorf("%s: no error", name)
			continue
		}
		got := bot.Diagnose(err)
		if got.State != test.state || !strings.Contains(got.Detail, test.detail) || strings.Contains(got.Detail, test.token[10:]) {
			t.Errorf("%s: %+v", name, got)
		}
		if strings.Contains(got.Detail, "telegate tries again") || strings.Contains(got.Detail, "keeps trying") {
			t.Errorf("%s: nobody tries again: %s", name, got.Detail)
		}
		if (got.Wait > 0) != (test.state == bot.StateFloodWait) {
			t.Errorf("%s: a wait of %s", name, got.Wait)
		}
	}
}
