package api

import (
	"context"
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"telegate/twofa"
)

const (
	csvType = "text/csv"
	csvPage = 1000 // how many lines are read at a time
)

// loginsCSV writes the whole report, or limit lines of it, page by page as it is read, so that its size is of no account: no memory
// holds it, and no reading transaction lasts. If it cannot be finished, the connection breaks off.
func (s *Server) loginsCSV(ctx context.Context, q twofa.SignInQuery, limit int) (*huma.StreamResponse, error) {
	q.Limit = csvPage
	if limit != 0 {
		q.Limit = limit
	}
	page, err := s.o.Verifications.SignIns(ctx, q)
	if err != nil {
		return nil, err // while it can still be a problem
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		answer.SetHeader("Content-Type", csvType)
		answer.SetHeader("Content-Disposition", `attachment; filename="logins.csv"`)
		out := csv.NewWriter(answer.BodyWriter())
		out.UseCRLF = true // RFC 4180
		_, conn := humago.Unwrap(answer)
		err := out.Write([]string{"time", "domain", "user", "ip", "browser", "os", "second_factor", "method", "outcome"})
		for err == nil {
			// The server's limit is for a whole answer; here each page may take as long. Where there is no connection, there is no limit.
			_ = http.NewResponseController(conn).SetWriteDeadline(time.Now().Add(writeTimeout))
			for _, i := range page {
				l := loginOf(i)
				cells := []string{l.Time.Format(time.RFC3339Nano), l.Domain, l.User, l.IP, l.Browser, l.OS, l.SecondFactor, l.Method, l.Outcome}
				for n, cell := range cells {
					cells[n] = inertCell(cell)
				}
				_ = out.Write(cells) // Error tells
			}
			out.Flush()
			if err = out.Error(); err != nil || len(page) < q.Limit || limit != 0 {
				break
			}
			q.Before = page[len(page)-1].Place
			page, err = s.o.Verifications.SignIns(ctx, q)
		}
		if err != nil {
			if ctx.Err() == nil {
				s.o.Logger.ErrorContext(ctx, "a report was cut off", "request", requestID(ctx), "path", loginsPath, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
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
