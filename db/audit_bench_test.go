package db_test

import (
	"testing"
	"time"

	"telegate/db/dbtest"
	"telegate/internal/audit"
	"telegate/twofa"
)

// What an audit entry costs the writer, the commit and its fsync aside: many of them in one transaction.
func BenchmarkAuditEntry(b *testing.B) {
	d := dbtest.Open(b, time.Now)
	e := audit.Entry{
		Time: time.Now(), Event: audit.VerificationChecked, User: "user//alice", Subject: "ver_0123456789abcdefghijklmnop",
		Outcome: "approved", Purpose: "login",
		Context: audit.Context{IP: "203.0.113.7", UserAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0", Location: "Madrid, ES"},
	}
	b.ReportAllocs()
	for done := 0; done < b.N; done += 500 {
		err := d.UpdateVerifications(b.Context(), func(tx twofa.Tx) error {
			for range min(500, b.N-done) {
				if err := tx.Audit(e); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
