package bot_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-telegram/bot/models"

	"telegate/bot"
	"telegate/delivery"
	"telegate/sandbox"
)

// told collects all texts that leave the package.
type told struct {
	t    *testing.T
	text []string
}

func (c *told) err(errs ...error) {
	for _, err := range errs {
		for ; err != nil; err = errors.Unwrap(err) { // wrapped errors can be printed too
			c.text = append(c.text, err.Error(), fmt.Sprintf("%+v %#v", err, err))
			var e *delivery.SendError
			if errors.As(err, &e) {
				c.text = append(c.text, e.Failure.Detail)
			}
		}
	}
}

// clean fails the test if a text contains the token.
func (c *told) clean() {
	c.t.Helper()
	if len(c.text) == 0 {
		c.t.Error("nothing was said, so nothing was tested")
	}
	for _, text := range c.text {
		for _, secret := range []string{testKey, testKey[:12], testKey[len(testKey)-12:], "telegram.test/bot"} {
			if strings.Contains(text, secret) {
				c.t.Fatalf("the token or its URL shows up in: %s", text)
			}
		}
	}
}

// callAll makes every call there is and collects the errors.
func (c *told) callAll(client *bot.Client, chat int64) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Minute)
	defer cancel()
	_, err := client.GetMe(ctx)
	c.err(err,
		client.Send(ctx, delivery.Recipient{ChatID: chat}, text("x")),
		client.Send(ctx, delivery.Recipient{ChatID: chat}, delivery.Part{File: &delivery.File{Name: "a.txt", Content: []byte("x")}}),
		client.AnswerCallback(ctx, "1", "x", false),
		client.RemoveButtons(ctx, chat, 1),
		client.SetCommands(ctx, "", []bot.Command{{Name: "a", Description: "b"}}))
}

func TestTokenNeverShowsUpWhateverTelegramDoes(t *testing.T) {
	for name, fault := range map[string]sandbox.Faults{
		"down": {Down: true}, "hang": {Hang: true}, "bad gateway": {BadGateway: true}, "server error": {ServerError: true},
		"unauthorized": {Unauthorized: true}, "webhook": {WebhookSet: true}, "conflict": {Conflict: true},
		"poll flood": {PollFloodWait: time.Minute}, "send flood": {FloodWait: time.Minute}, "fail every": {FailEvery: 1}, "lost answer": {LoseAnswer: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tg, alice, transport := telegram(t)
				tg.SetFaults(fault)
				h := &handler{do: func(context.Context, *models.Update) error { return fmt.Errorf("answer: %w", io.ErrUnexpectedEOF) }}
				for _, p := range poison {
					if err := tg.PushRaw("GateBot", json.RawMessage(p)); err != nil {
						t.Fatal(err)
					}
				}
				r := run(t, transport, nil, h)
				c := &told{t: t}
				c.callAll(r.client, alice.ID)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				c.text = append(c.text, fmt.Sprintf("%+v", r.Status()), r.log.String(), fmt.Sprint(r.store.faults()))
				c.clean()
			})
		})
	}
}

// How a proxy may repeat the token.
var echoes = map[string]func(string) string{
	"plain":            func(s string) string { return s },
	"after bot":        func(s string) string { return "/bot" + s + "/sendMessage" },
	"query escaped":    url.QueryEscape,
	"path escaped":     url.PathEscape,
	"lower case":       func(s string) string { return strings.ReplaceAll(s, ":", "%3a") },
	"escaped twice":    func(s string) string { return url.QueryEscape(url.QueryEscape(s)) },
	"key alone":        func(s string) string { return s[strings.IndexByte(s, ':')+1:] },
	"cut at the end":   func(s string) string { return s[:25] },
	"cut, escaped":     func(s string) string { return url.QueryEscape(s)[:27] },
	"line break after": func(s string) string { return s + "\n" },
	"HTML":             func(s string) string { return strings.ReplaceAll(s, ":", "&#58;") },
	"HTML hex":         func(s string) string { return strings.ReplaceAll(s, ":", "&#x3A;") },
	"quoted":           func(s string) string { return fmt.Sprintf("%q", s) },
	"after a can't":    func(s string) string { return `can't parse 'it's "` + s },
	"JSON escaped":     func(s string) string { return strings.ReplaceAll(s, ":", `\u003a`) },
	"dash escaped":     func(s string) string { return strings.NewReplacer("-", "%2D", "_", "%5f").Replace(s) },
}

func TestTokenNeverShowsUpWhateverAProxySays(t *testing.T) {
	for name, echo := range echoes {
		said := echo(testToken)
		for kind, transport := range map[string]http.RoundTripper{
			"description": connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				description, _ := json.Marshal("Bad Request: " + said)
				fmt.Fprintf(w, `{"ok":false,"error_code":400,"description":%s}`, description)
			})),
			"page": connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", said)
				w.WriteHeader(http.StatusBadGateway)
				fmt.Fprint(w, "<html>", said)
			})),
			"redirect": connect(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "http://%zz/"+strings.ReplaceAll(said, "\n", ""))
				w.WriteHeader(http.StatusFound)
			})),
			"error": roundTrip(func(r *http.Request) (*http.Response, error) {
				return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: fmt.Errorf("proxy says %s", said)}
			}),
			"dial": &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New(said) }},
		} {
			t.Run(name+" in "+kind, func(t *testing.T) {
				c := &told{t: t}
				c.callAll(newClient(t, transport), 1)
				c.clean()
			})
		}
	}
}

func TestProxyPasswordNeverShowsUp(t *testing.T) {
	const password = "pr0xy-S3cr3t"
	proxy := &url.URL{Scheme: "http", User: url.UserPassword("gate", password), Host: "proxy.test:3128"}
	c, err := bot.NewClient(bot.Options{Token: testToken, Proxy: proxy, Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, errors.New("dial " + proxy.String())
	})})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x")); err == nil || strings.Contains(err.Error(), password) {
		t.Errorf("error: %v", err)
	}
}

func TestErrorsRepeatLittleOfWhatTelegramSays(t *testing.T) {
	err := newClient(t, connect(t, refusal(400, "Bad Request: "+strings.Repeat("ä", 10_000), ""))).Send(t.Context(), delivery.Recipient{ChatID: 1}, text("x"))
	if err == nil || len(err.Error()) > 1000 {
		t.Errorf("%d bytes", len(fmt.Sprint(err)))
	}
}
