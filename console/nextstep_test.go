package console

import (
	"strings"
	"testing"

	"telegate/delivery"
)

// The console names its own pages and buttons as the next step.
func TestAMessageToSomebodyNotLinkedNamesTheButtonThatLinks(t *testing.T) {
	m := delivery.Message{User: "bob", Status: delivery.StatusFailed, Failure: &delivery.Failure{Reason: delivery.ReasonNeverStarted, Detail: "No chat."}}
	if got := nextStep(m); !strings.HasPrefix(got, "No chat. ") || !strings.Contains(got, "open the user and press “Show a link and its QR code”") {
		t.Error(got)
	}
	m.User = ""
	if got := nextStep(m); got != "No chat." {
		t.Errorf("to a handle: %s", got)
	}
	m.User, m.Failure.Reason = "bob", delivery.ReasonBlockedByUser
	if got := nextStep(m); got != "No chat." {
		t.Errorf("blocked: %s", got)
	}
}
