package twofa

import (
	"context"
	"encoding/csv"
	"io"
	"strings"
	"time"
)

const reportPage = 1000 // how many lines of a report are read at a time

// SecondFactor is what the login report calls the second factor that a code in a chat is.
const SecondFactor = "Messaging"

// Method is how somebody signs in with it.
const Method = "code"

// Report is the login report as a file of comma-separated values.
type Report struct {
	service *Service
	query   SignInQuery
	limit   int
	page    []SignIn
}

// Report begins a report of at most limit lines, 0 for all: it reads the first page, so that whoever asks can still be told of an
// error.
func (s *Service) Report(ctx context.Context, q SignInQuery, limit int) (*Report, error) {
	q.Limit = reportPage
	if limit != 0 {
		q.Limit = limit
	}
	page, err := s.SignIns(ctx, q)
	return &Report{s, q, limit, page}, err
}

// CSV writes the report page by page as it is read, so that its size is of no account: no memory holds it, and no reading
// transaction lasts as long as somebody's line is slow. next is called before each page is written.
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
				cells[n] = inertCell(cell)
			}
			_ = out.Write(cells) // Error tells
		}
		out.Flush()
		if err = out.Error(); err != nil || len(r.page) < r.query.Limit || r.limit != 0 {
			break
		}
		r.query.Before = r.page[len(r.page)-1].Place
		r.page, err = r.service.SignIns(ctx, r.query)
	}
	return err
}

// inertCell keeps a spreadsheet from taking a cell for a formula: what begins like one gets an apostrophe before it (OWASP, CSV
// Injection). User ids, addresses and user agents are whatever somebody has sent.
func inertCell(cell string) string {
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		if strings.HasPrefix(cell, first) {
			return "'" + cell
		}
	}
	return cell
}
