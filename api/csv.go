package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"telegate/twofa"
)

const csvType = "text/csv"

// loginsCSV writes the whole report, or its first limit lines. On an error it cuts the connection.
func (s *Server) loginsCSV(ctx context.Context, q twofa.SignInQuery, limit int) (*huma.StreamResponse, error) {
	report, err := s.o.Verifications.Report(ctx, q, limit)
	if err != nil {
		return nil, err // here it can still be answered as a problem
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		answer.SetHeader("Content-Type", csvType)
		answer.SetHeader("Content-Disposition", `attachment; filename="logins.csv"`)
		_, conn := humago.Unwrap(answer)
		err := report.CSV(ctx, answer.BodyWriter(), func() {
			// The server's write timeout is for a whole answer; here each page gets that time. A test's recorder has no deadline.
			_ = http.NewResponseController(conn).SetWriteDeadline(time.Now().Add(writeTimeout))
		})
		if err != nil {
			if ctx.Err() == nil {
				s.o.Logger.ErrorContext(ctx, "a report was cut off", "request", requestID(ctx), "path", loginsPath, "error", err)
			}
			panic(http.ErrAbortHandler)
		}
	}}, nil
}
