package twofa_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"telegate/linking"
	"telegate/twofa"
)

var ordinal = map[int]string{6: "sixth"}

// OWASP ASVS 6.1.1, 6.3.4: the limits of guessing are documented, and the documented ones are the real ones.
func TestTheLimitsOfGuessingAreDocumented(t *testing.T) {
	for file, sentences := range map[string][]string{
		"../docs/operations.md": {
			fmt.Sprintf("| %d a code; over all codes of a link waits from %d in a row, the end at %d |", twofa.MaxAttempts, twofa.ThrottleFrom, twofa.SuspendAt),
			fmt.Sprintf("waits from %d in a row, closed from %d |", twofa.OthersThrottleFrom, twofa.OthersCloseAt),
			fmt.Sprintf("| the code: %d; over all links of a user, and of a chat, waits from %d in a row |", linking.ConfirmAttempts, linking.ThrottleFrom),
			"A code in Telegram is not phishing-resistant",
			"Telegram can read chats with bots; they are not end-to-end encrypted.",
		},
		"../docs/api.md": {
			fmt.Sprintf("At %d the link is suspended", twofa.SuspendAt),
			fmt.Sprintf("After *Not me* telegate sends no codes for %.0f minutes", twofa.CoolingOff.Minutes()),
			"Per user and purpose: 3 verifications in 5 minutes, 5 in 10 minutes, 15 an hour, 30 a day.",
			fmt.Sprintf("from the %s since the last right code (resends count, codes that Telegram never got do not; codes of the last two days), each waits %.0f minutes\n"+
				"  after the one before, doubling up to an hour.", ordinal[twofa.UnansweredFree+1], twofa.FirstPause.Minutes()),
		},
	} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range sentences {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s does not say %q", file, want)
			}
		}
	}
}
