package linking_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"telegate/linking"
	"telegate/notify"
)

// The odds in docs/operations.md follow from the constants (OWASP ASVS 6.1.1).
func TestTheOddsOfGuessingAreDocumentedAsTheyAre(t *testing.T) {
	day := func(length time.Duration) (guesses int) {
		for at := time.Duration(0); at < length; {
			if guesses++; guesses >= linking.ThrottleFrom {
				at += min(linking.LongestWait, linking.FirstWait<<min(guesses-linking.ThrottleFrom, 10))
			}
		}
		return guesses
	}
	codes := math.Pow10(linking.ConfirmDigits)
	first, later := day(24*time.Hour), int(24*time.Hour/linking.LongestWait)
	atMost := (first + 9) / 10 * 10
	callers := 15 * int(24*time.Hour/notify.CodeWindow)
	data, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	for _, want := range []string{
		fmt.Sprintf("at most %d wrong codes fit into the first day, and %d into each later one", atMost, later),
		fmt.Sprintf("is 1 in %d,000 on the first day, and about %.1f %% in a year", int(codes)/atMost/1000, 100*float64(atMost+364*later)/codes),
		fmt.Sprintf("%d,%03d a day, so with 5 guesses at each %d,%03d guesses, 1 in %.0f, are possible", callers/1000, callers%1000,
			5*callers/1000, 5*callers%1000, codes/float64(5*callers)),
	} {
		if !strings.Contains(text, want) {
			t.Errorf("docs/operations.md does not say: %s (%d guesses in the first day)", want, first)
		}
	}
}
