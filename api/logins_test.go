package api_test

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/api"
	"telegate/internal/audit"
	"telegate/internal/gatewaytest"
	"telegate/twofa"
)

const firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:142.0) Gecko/20100101 Firefox/142.0"

// checked writes checks of sign-in codes, as twofa does, one second apart.
func (g *gateway) checked(list ...audit.Entry) {
	g.T.Helper()
	err := g.DB.UpdateVerifications(g.T.Context(), func(tx twofa.Tx) error {
		for _, e := range list {
			g.Clock.Advance(time.Second)
			e.Event, e.Purpose, e.Time = audit.VerificationChecked, "login", g.Clock.Now()
			if err := tx.Audit(e); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		g.T.Fatal(err)
	}
}

// logins reads the report and returns its users.
func (g *gateway) logins(query string) (users []string, next string) {
	g.T.Helper()
	a := g.as(keyAdmin, "GET", "/v1/logins?"+query, nil)
	if a.status != http.StatusOK {
		g.T.Fatalf("%s: %d %s", query, a.status, a.body)
	}
	var list api.LoginList
	a.into(&list)
	for _, l := range list.Logins {
		users = append(users, l.User)
	}
	return users, list.Next
}

func TestReportShowsOnlySignIns(t *testing.T) {
	t.Parallel()
	g := linked(t)
	from := object{"ip": "203.0.113.7", "user_agent": firefox}
	try := func(body object, code func(string) string) {
		g.Clock.Advance(time.Hour)
		body["context"] = from
		id := g.call("POST", "/v1/verifications", body).str("id")
		g.call("POST", "/v1/verifications/"+id+"/check", object{"code": code(g.Code(alice)), "session_binding": body["session_binding"]})
	}
	right := func(code string) string { return code }
	try(login("alice", "s1"), gatewaytest.WrongCode)
	try(object{"user": "alice", "purpose": "recovery", "session_binding": "s2"}, right)
	try(object{"user": "alice", "purpose": "confirm", "session_binding": "s3"}, right)
	try(login("alice", "s4"), right)
	line := func(hour, outcome string) string {
		return `{"time":"2026-11-02T` + hour + `:00:00Z","domain":"","user":"alice","ip":"203.0.113.7","browser":"Firefox","os":"Windows",
			"second_factor":"Messaging","method":"code","outcome":"` + outcome + `"}`
	}
	g.as(keyAdmin, "GET", "/v1/logins", nil).is(200, `{"logins":[`+line("13", "approved")+","+line("10", "incorrect")+`],"next":""}`)
	g.as(keyAdmin, "GET", "/v1/logins?user=bob", nil).is(200, `{"logins":[],"next":""}`)
	g.as(keyCorp, "GET", "/v1/logins?domain=corp", nil).is(200, `{"logins":[],"next":""}`)
}

func TestReportIsPagedAndFiltered(t *testing.T) {
	t.Parallel()
	g := newGateway(t) // the time is 09:00 on 2 November
	entry := func(domain, user, outcome string) audit.Entry {
		return audit.Entry{Domain: domain, User: user, Outcome: outcome}
	}
	g.checked(entry("", "a", "approved"), entry("", "b", "incorrect"), entry("", "c", "approved"), entry("corp", "x", "approved"), entry("", "d", "denied"))
	g.Clock.Advance(24 * time.Hour)
	g.checked(entry("", "a", "incorrect"), entry("", "e", "approved"))
	var got []string
	pages := 0
	for next := ""; pages == 0 || next != ""; pages++ {
		var page []string
		page, next = g.logins("limit=2&after=" + next)
		got = append(got, page...)
	}
	if want := []string{"e", "a", "d", "c", "b", "a"}; pages != 3 || !slices.Equal(got, want) {
		t.Errorf("%v in %d pages, want %v", got, pages, want)
	}
	_, second := g.logins("limit=1")
	for query, want := range map[string][]string{
		"domain=corp":                             {"x"},
		"user=a":                                  {"a", "a"},
		"user=a&outcome=approved":                 {"a"},
		"outcome=approved":                        {"e", "c", "a"},
		"outcome=failed":                          nil,
		"from=2026-11-03":                         {"e", "a"},
		"to=2026-11-02":                           {"d", "c", "b", "a"}, // the whole day
		"from=2026-11-02&to=2026-11-02":           {"d", "c", "b", "a"},
		"from=2026-11-04":                         nil,
		"to=2026-11-01":                           nil,
		"from=2026-11-02T09:00:02Z&to=2026-11-02": {"d", "c", "b"},
		"to=2026-11-02T09:00:02Z":                 {"a"}, // and not the entry at 09:00:02
		"from=2026-11-02T10:00:02%2B01:00&to=2026-11-02T10:00:05%2B01:00": {"c", "b"},
		"after=" + second:                  {"a", "d", "c", "b", "a"},
		"to=2026-11-02&after=" + second:    {"d", "c", "b", "a"},
		"from=0001-01-01&to=9999-12-31":    {"e", "a", "d", "c", "b", "a"},
		"outcome=approved&after=" + second: {"c", "a"},
	} {
		if got, next := g.logins(query); !slices.Equal(got, want) || next != "" {
			t.Errorf("%s: %v, want %v (next %q)", query, got, want, next)
		}
	}
}

func TestReportRefusesInvalidFilters(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for query, pointer := range map[string]string{
		"from=yesterday": "query/from", "from=2026-02-30": "query/from", "from=2026-11-02T25:00:00Z": "query/from", "from=2026-11-2": "query/from",
		"from=2026-11-02T09:00:00": "query/from", "from=1793610000": "query/from", "from=" + strings.Repeat("2", 65): "query/from",
		"to=tomorrow": "query/to", "from=2026-11-02T09:00:02Z&to=2026-11-02T09:00:02Z": "query/to", "from=2026-11-03&to=2026-11-02": "query/to", "from=2026-11-02T09:00:01Z&to=2026-11-02T09:00:00Z": "query/to",
		"outcome=fine": "query/outcome", "outcome=APPROVED": "query/outcome", "outcome=approved,denied": "query/outcome",
		"limit=0": "query/limit", "limit=501": "query/limit", "limit=-1": "query/limit", "limit=many": "query/limit",
		"after=x": "query/after", "after=1": "query/after", "after=1-": "query/after", "after=1-0": "query/after", "after=1--1": "query/after",
		"after=1-1x": "query/after", "after=%201-1": "query/after", "after=99999999999999999999-1": "query/after", "after=%2B1-1": "query/after",
		"usr=alice": "query/usr", "user=" + strings.Repeat("u", 257): "query/user", "domain=" + strings.Repeat("d", 65): "query/domain",
	} {
		for _, accept := range []string{"application/json", "text/csv"} {
			g.call("GET", "/v1/logins?"+query, nil, "Accept", accept).isFault(pointer)
		}
	}
}

// csvOf reads the report as CSV.
func (g *gateway) csvOf(query string) [][]string {
	g.T.Helper()
	w := httptest.NewRecorder()
	g.server.ServeHTTP(w, g.request(keyAdmin, "GET", "/v1/logins?"+query, nil, "Accept", "text/csv"))
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/csv" {
		g.T.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if lines := strings.Count(w.Body.String(), "\n"); strings.Count(w.Body.String(), "\r\n") != lines {
		g.T.Error("a line does not end as RFC 4180 has it")
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil {
		g.T.Fatal(err)
	}
	return rows
}

func TestReportAsCSVIsComplete(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	const many = 2345 // more than one read returns
	list := make([]audit.Entry, many)
	for i := range list {
		list[i] = audit.Entry{User: "alice, \"the first\"", Outcome: "approved", Context: audit.Context{IP: "2001:db8::1", UserAgent: firefox}}
	}
	g.checked(list...)
	rows := g.csvOf("")
	if len(rows) != many+1 || strings.Join(rows[0], ",") != "time,domain,user,ip,browser,os,second_factor,method,outcome" {
		t.Fatalf("%d rows, the first %v", len(rows), rows[0])
	}
	want := []string{"2026-11-02T09:00:01Z", "", "alice, \"the first\"", "2001:db8::1", "Firefox", "Windows", "Messaging", "code", "approved"}
	if got := rows[many]; !slices.Equal(got, want) {
		t.Errorf("the last row: %q, want %q", got, want)
	}
	if rows := g.csvOf("limit=7"); len(rows) != 8 {
		t.Errorf("%d rows with limit=7", len(rows))
	}
	if rows := g.csvOf("user=nobody"); len(rows) != 1 {
		t.Errorf("%d rows about nobody", len(rows))
	}
	for accept, kind := range map[string]string{
		"text/csv, */*;q=0.1": "text/csv", "application/json;q=0.5, text/csv": "text/csv", "*/*": "application/json", "": "application/json",
		"text/csv;q=0.5, application/json": "application/json", "text/html": "application/json",
	} {
		r := g.request(keyAdmin, "GET", "/v1/logins?limit=1", nil, "Accept", accept)
		w := httptest.NewRecorder()
		if g.server.ServeHTTP(w, r); w.Header().Get("Content-Type") != kind {
			t.Errorf("Accept %q is answered as %s", accept, w.Header().Get("Content-Type"))
		}
	}
}

// OWASP, CSV Injection: no cell may begin with a character that starts a formula. An apostrophe before it keeps it text.
func TestNoCellOfTheReportIsAFormula(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	for _, first := range []string{"=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"} {
		bad := first + `HYPERLINK("https://evil.example","Click")`
		g.checked(audit.Entry{User: bad, Outcome: "incorrect", Context: audit.Context{IP: bad, UserAgent: bad}})
		row := g.csvOf("limit=1")[1]
		if first == "\r" {
			bad = bad[1:] // the CSV writer drops it
		}
		if row[2] != "'"+bad || row[3] != "'"+bad {
			t.Errorf("%q: %q", first, row)
		}
		for _, cell := range row {
			if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n") {
				t.Errorf("%q begins a formula", cell)
			}
		}
	}
	g.checked(audit.Entry{User: "a=b", Outcome: "incorrect"})
	if row := g.csvOf("limit=1")[1]; row[2] != "a=b" {
		t.Errorf("a harmless cell became %q", row[2])
	}
}

// A report that cannot be read completely must not look complete.
func TestReportThatFailsCutsTheConnection(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	g.checked(make([]audit.Entry, 1500)...)
	server := httptest.NewServer(breaking{g})
	defer server.Close()
	r := g.request(keyAdmin, "GET", "/v1/logins", nil, "Accept", "text/csv")
	r.RequestURI, r.URL = "", &url.URL{Scheme: "http", Host: strings.TrimPrefix(server.URL, "http://"), Path: "/v1/logins"}
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	rows, err := csv.NewReader(resp.Body).ReadAll()
	if err == nil {
		t.Errorf("%d rows without an error", len(rows))
	}
	if log := g.Log.String(); !strings.Contains(log, "a report was cut off") || strings.Contains(log, "panic") {
		t.Errorf("log: %s", log)
	}
	g.store.broken.Store(true)
	if a := g.as(keyAdmin, "GET", "/v1/logins", nil, "Accept", "text/csv"); a.status != http.StatusInternalServerError {
		t.Errorf("from the start: %d %s", a.status, a.body)
	}
}

// breaking makes the database fail after the first piece of an answer is written.
type breaking struct{ g *gateway }

func (b breaking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.g.server.ServeHTTP(&breakingWriter{w, b.g}, r)
}

type breakingWriter struct {
	http.ResponseWriter
	g *gateway
}

func (w *breakingWriter) Write(p []byte) (int, error) {
	w.g.store.broken.Store(true)
	return w.ResponseWriter.Write(p)
}
