package cli

import (
	"strings"
	"testing"
	"time"

	"telegate/internal/exit"
)

// A time without a zone could mean two hours; the error has both to copy.
func TestATimeToSendNeedsItsZone(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for _, text := range []string{"2026-12-24T20:00:00Z", "2026-12-24T21:00:00+01:00", "2026-12-24T20:00:00.5Z"} {
		if at, err := parseSendAt(text, berlin); err != nil || at.UTC().Hour() != 20 {
			t.Errorf("%s: %v, %v", text, at, err)
		}
	}
	for _, text := range []string{"2026-12-24T20:00:00", "2026-12-24T20:00", "2026-12-24 20:00", "2026-12-24 20:00:00"} {
		_, err := parseSendAt(text, berlin)
		if exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), "write 2026-12-24T20:00:00+01:00 for the time of this machine, or 2026-12-24T20:00:00Z for UTC") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"tomorrow", "20:00", "2026-12-24", "2026-13-24T20:00:00Z"} {
		if _, err := parseSendAt(text, berlin); exit.Status(err) != exit.Usage || !strings.Contains(err.Error(), "in the form YYYY-MM-DDTHH:MM:SSZ") || strings.Contains(err.Error(), "parse") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
