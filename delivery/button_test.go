package delivery_test

import (
	"regexp"
	"testing"

	"telegate/delivery"
)

// A tap travels in a link that opens the bot, as a payload of the characters and the length that Telegram lets through; other
// payloads are no taps.
func TestATapTravelsInALink(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)
	for _, action := range []string{"accept", "notme", "unlink", "deny"} {
		callback := action + ":" + delivery.NewID("ver")
		payload := delivery.Button{Callback: callback}.StartPayload()
		if got, ok := delivery.TapCallback(payload); !ok || got != callback || !shape.MatchString(payload) {
			t.Errorf("%s travels as %q and is read as %q, %t", callback, payload, got, ok)
		}
	}
	for _, none := range []delivery.Button{{}, {Copy: "123456"}, {URL: "https://example.com"}, {Callback: "x"}} {
		if payload := none.StartPayload(); payload != "" {
			t.Errorf("%+v travels as %q", none, payload)
		}
	}
	for _, payload := range []string{"", "tap_", "tap_accept", "tap", "accept_lnk_1", "Tap_accept_lnk_1", "4Qk8j2mC0sJYk1yq3mO4h6l7b8n9v0c1x2z3a4s5d6f"} {
		if callback, ok := delivery.TapCallback(payload); ok {
			t.Errorf("%q is read as a tap, %q", payload, callback)
		}
	}
}
