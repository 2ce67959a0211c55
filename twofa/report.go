package twofa

import (
	"context"
	"encoding/csv"
	"io"
	"strings"
	"time"
)

const reportPage = 1000 // how many lines of a report are read at a time

// SecondFactor names the second factor in the login report.
const SecondFactor = "Messaging"

// Method is the sign-in method with it.
const Method = "code"

// Report is the login report as a CSV file.
type Report struct {
	service *Service
	query   SignInQuery
	limit   int
	page    []SignIn
}

// Report starts a report of at most limit lines, 0 for all. It reads the first page, so that an error can still be reported
// to the caller.
func (s *Service) Report(ctx context.Context, q SignInQuery, limit int) (*Report, error) {
	q.Limit = reportPage
	if limit != 0 {
		q.Limit = limit
	}
	page, err := s.SignIns(ctx, q)
	return &Report{s, q, limit, page}, err
}

// CSV writes the report page by page, so a report of any size needs little memory, and a slow client holds no read
// transaction open. It calls next before each page.
func (r *Report) CSV(ctx context.Context, w io.Writer, next func()) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	err := out.Write([]string{"time", "domain", "user", "ip", "browser", "os", "second_factor", "method", "outcome"})
	for err == nil {
		next()
		for _, l := range r.page {
			cells := []string{
				l.Time.Format(time.RFC3339Nano), l.Domain, l.User, l.IP, l.Browser, l.System, SecondFactor, Method, string(l.Result),
			}
			for n, cell := range cells {
				cells[n] = escapeFormula(cell)
			}
			_ = out.Write(cells) // Error tells
		}
		out.Flush()
		if err = out.Error(); err != nil || len(r.page) < r.query.Limit || r.limit != 0 {
			break
		}
		r.query.Before = r.page[len(r.page)-1].Position
		r.page, err = r.service.SignIns(ctx, r.query)
	}
	return err
}

// escapeFormula puts an apostrophe before a cell that a spreadsheet could run as a formula (OWASP, CSV Injection). User
// ids, addresses and user agents are untrusted.
func escapeFormula(cell string) string {
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, first) {
			return "'" + cell
		}
	}
	return cell
}
