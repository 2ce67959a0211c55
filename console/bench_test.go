package console_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// BenchmarkUsers asks for pages of users of a domain with 100,000, from the first page to the last, over a connection as a browser
// does, and reports the 99th percentile in milliseconds.
func BenchmarkUsers(b *testing.B) {
	const users = 100_000
	w := newWorld(b)
	for first := 0; first < users; first += 10_000 {
		w.manyFrom("", first, 10_000)
	}
	c := w.signedIn(keyAdmin)
	for _, page := range []struct {
		name string
		path func(i int) string
	}{
		{"page", func(i int) string { return fmt.Sprintf("/console/users?domain=&after=user%06d", i*7919%users) }},
		{"user", func(i int) string { return fmt.Sprintf("/console/user?domain=&user=user%06d", i*7919%users) }},
		{"status", func(int) string { return "/console/status" }},
		{"search-many", func(i int) string { return fmt.Sprintf("/console/users?domain=&query=%d", i%1000) }},
		{"search-one", func(i int) string { return fmt.Sprintf("/console/users?domain=&query=handle%06d", i*7919%users) }},
		{"search-two", func(i int) string { return fmt.Sprintf("/console/users?domain=&query=%c%c", 'a'+i%26, 'z') }}, // which nobody has
	} {
		b.Run(page.name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for i := 0; b.Loop(); i++ {
				start := time.Now()
				if a := c.get(page.path(i)); a.status != http.StatusOK {
					b.Fatalf("%d %s", a.status, a.body)
				}
				took = append(took, time.Since(start))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
		})
	}
}
