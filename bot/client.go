// Package bot speaks the Bot API for one bot: a client that sends (client.go, send.go), the poll loop that takes
// updates in without losing one (poll.go, updates.go), and what an update means (handle.go).
package bot

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	tg "github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"
)

const (
	defaultBaseURL = "https://api.telegram.org"

	// callTimeout bounds every call but the long poll, from the dial to the end of the answer.
	callTimeout = 30 * time.Second
	// connectTimeout bounds the dial and, apart from it, the TLS handshake, so that a dead route costs seconds (F31).
	connectTimeout = 5 * time.Second
	// maxAnswer bounds an answer; Telegram cuts those of getUpdates at 4 MiB (facts §B).
	maxAnswer = 8 << 20
)

// tokenShape is what a token from @BotFather looks like (facts §A).
var tokenShape = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)

// Options says how a Client is built.
type Options struct {
	// Token is what @BotFather gives out; blanks around it are dropped.
	Token string
	// BaseURL is the Bot API server, without /bot. Default: https://api.telegram.org.
	BaseURL string
	// Proxy (http, https, socks5 or socks5h) takes every call. nil: none; the proxy variables of the environment are not
	// read, so that the config alone says where the token goes.
	Proxy *url.URL
	// Logger hears of oddities inside the library. nil: nothing is logged.
	Logger *slog.Logger
	// Transport takes the place of the network in tests. Usually nil.
	Transport http.RoundTripper
}

// Client calls the Bot API for one bot. It is a delivery.Transport. Its methods may be called from any number of
// goroutines, and no error of theirs holds the token.
type Client struct {
	id    int64
	base  string
	log   *slog.Logger
	scrub *scrubber
	calls *line // everything but the long poll
	polls *line // a long poll that hangs holds up nobody
	grant atomic.Pointer[Grant]
}

// Grant is what a token lets one do: calls with it, for one Client.
type Grant struct {
	lib  *tg.Bot
	poll string // the URL of getUpdates; holds the token
}

// NewClient checks the options and touches no network. A token that cannot be one gives ErrTokenShape.
func NewClient(o Options) (*Client, error) {
	token := strings.TrimSpace(o.Token)
	if !tokenShape.MatchString(token) {
		return nil, ErrTokenShape
	}
	id, _ := strconv.ParseInt(token[:strings.IndexByte(token, ':')], 10, 64) // at most 12 digits
	if o.BaseURL == "" {
		o.BaseURL = defaultBaseURL
	}
	base, err := url.Parse(strings.TrimRight(o.BaseURL, "/"))
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return nil, errors.New("baseurl must look like https://api.telegram.org")
	}
	var password string
	if o.Proxy != nil {
		switch o.Proxy.Scheme {
		case "http", "https", "socks5", "socks5h":
		default:
			return nil, fmt.Errorf("proxy scheme %q is not http, https, socks5 or socks5h", o.Proxy.Scheme)
		}
		password, _ = o.Proxy.User.Password()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	scrub := newScrubber(token, password)
	c := &Client{id: id, base: base.String(), log: o.Logger, scrub: scrub, calls: newLine(o, scrub), polls: newLine(o, scrub)}
	g, err := c.newGrant(token)
	if err != nil {
		return nil, err
	}
	c.grant.Store(g)
	return c, nil
}

func (c *Client) newGrant(token string) (*Grant, error) {
	// All three handlers are set because the library's own ones print to the standard log.
	lib, err := tg.New(token,
		tg.WithSkipGetMe(),
		tg.WithServerURL(c.base),
		tg.WithHTTPClient(0, c.calls),
		tg.WithUpdatesChannelCap(0),
		tg.WithErrorsHandler(func(err error) { c.log.Debug("Bot API library", "error", c.scrub.err(err)) }),
		tg.WithDebugHandler(func(string, ...any) {}),
		tg.WithDefaultHandler(func(context.Context, *tg.Bot, *models.Update) {}),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the Bot API library: %w", c.scrub.err(err))
	}
	return &Grant{lib: lib, poll: c.base + "/bot" + token + "/getUpdates"}, nil
}

// ErrOtherBot: a token is that of another bot.
var ErrOtherBot = errors.New("this is the token of another bot")

// Prove asks Telegram, with a fresh token, whose it is: ErrOtherBot unless it is this bot's. The token in use stays in use until Use
// is told the answer. It must not run twice at a time.
func (c *Client) Prove(ctx context.Context, token string) (*Grant, error) {
	token = strings.TrimSpace(token)
	switch {
	case !tokenShape.MatchString(token):
		return nil, ErrTokenShape
	case !strings.HasPrefix(token, strconv.FormatInt(c.id, 10)+":"):
		return nil, ErrOtherBot
	}
	c.scrub.add(token)
	g, err := c.newGrant(token)
	if err != nil {
		return nil, err
	}
	me, err := c.getMe(ctx, g)
	if err == nil && me.ID != c.id {
		err = ErrOtherBot
	}
	return g, err
}

// Use makes every call from here on with what Prove has answered.
func (c *Client) Use(g *Grant) { c.grant.Store(g) }

func (c *Client) lib() *tg.Bot { return c.grant.Load().lib }

// Close lets go of idle connections. Calls under way go on.
func (c *Client) Close() {
	c.calls.http.CloseIdleConnections()
	c.polls.http.CloseIdleConnections()
}

// ID is the bot's numeric id, which its token begins with.
func (c *Client) ID() int64 { return c.id }

// Name is "bot", as a message's "transport" shows it.
func (c *Client) Name() string { return "bot" }

// Me is what Telegram says about the bot itself.
type Me struct {
	ID       int64
	Username string // without @
	Name     string
}

// GetMe asks Telegram who the bot is, which also tells whether the token is good.
func (c *Client) GetMe(ctx context.Context) (Me, error) { return c.getMe(ctx, c.grant.Load()) }

func (c *Client) getMe(ctx context.Context, g *Grant) (Me, error) {
	var me Me
	err := c.call(ctx, func(ctx context.Context) error {
		user, err := g.lib.GetMe(ctx)
		if err == nil {
			me = Me{ID: user.ID, Username: user.Username, Name: user.FirstName}
		}
		return err
	})
	if err == nil && me.Username == "" {
		err = errors.New("getMe: the answer names no bot")
	}
	return me, err
}

// AnswerCallback ends the little clock on a tapped button, with a text of at most 200 characters: a passing line, or a
// box to close where alert is set. A tap that Telegram no longer remembers is no error.
func (c *Client) AnswerCallback(ctx context.Context, callbackID, text string, alert bool) error {
	err := c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().AnswerCallbackQuery(ctx, &tg.AnswerCallbackQueryParams{CallbackQueryID: callbackID, Text: text, ShowAlert: alert})
		return err
	})
	if benign(err) {
		return nil
	}
	return err
}

// RemoveButtons takes the buttons off a message of the bot. A message that has none or is gone is no error.
func (c *Client) RemoveButtons(ctx context.Context, chatID int64, messageID int) error {
	err := c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().EditMessageReplyMarkup(ctx, &tg.EditMessageReplyMarkupParams{ChatID: chatID, MessageID: messageID})
		return err
	})
	if benign(err) {
		return nil
	}
	return err
}

// Command is a line of the menu that Telegram shows for the bot.
type Command struct {
	Name        string // 1-32 characters of a-z, 0-9 and _, without the slash
	Description string // 1-256 characters
}

// SetCommands sets that menu for people whose Telegram is in a language (ISO 639-1); empty for all that have none of their own.
func (c *Client) SetCommands(ctx context.Context, language string, commands []Command) error {
	menu := make([]models.BotCommand, len(commands))
	for i, command := range commands {
		menu[i] = models.BotCommand{Command: command.Name, Description: command.Description}
	}
	return c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().SetMyCommands(ctx, &tg.SetMyCommandsParams{Commands: menu, LanguageCode: language})
		return err
	})
}

// receipt notes that Telegram has said yes, whatever the library makes of the result: an answer newer than its models
// must not make a delivered message look undelivered.
type receipt struct{ ok bool }

type receiptKey struct{}

// call runs one method of the library within callTimeout. Its error is an *answerError, a *lineError or, where the
// request could not be made, a scrubbed one.
func (c *Client) call(ctx context.Context, method func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var r receipt
	err := method(context.WithValue(ctx, receiptKey{}, &r))
	var answer *answerError
	var line *lineError
	switch {
	case err == nil || r.ok:
		return nil
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &line):
		return line
	default:
		return c.calls.scrub.err(err)
	}
}

// line carries requests to the Bot API and reads the answers. It is the library's HTTP client.
type line struct {
	http   *http.Client
	family atomic.Int32 // index into families
	scrub  *scrubber
}

// families are the ways to dial: both address families at once, first answer wins ("happy eyeballs"), or one alone. A
// family whose TLS handshake fails is left for the next, since a route may let the first packets through and swallow
// the rest; one that works stays (F31).
var families = [...]string{"tcp", "tcp4", "tcp6"}

func newLine(o Options, scrub *scrubber) *line {
	l := &line{scrub: scrub}
	transport := o.Transport
	if transport == nil {
		dialer := &net.Dialer{Timeout: connectTimeout, KeepAliveConfig: net.KeepAliveConfig{Enable: true}}
		t := &http.Transport{
			DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
				family := families[l.family.Load()]
				conn, err := dialer.DialContext(ctx, family, address)
				if err != nil && family != families[0] {
					l.family.Store(0)
				}
				return conn, err
			},
			TLSHandshakeTimeout:    connectTimeout,
			ForceAttemptHTTP2:      true, // a dialer of our own would turn it off
			HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
			MaxIdleConnsPerHost:    100,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
		}
		if o.Proxy != nil {
			t.Proxy = http.ProxyURL(o.Proxy)
		}
		transport = t
	}
	l.http = &http.Client{
		Transport: transport,
		// A redirect would carry the token to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l
}

// Do sends a request and hands back the answer if it is a yes of the Bot API, read to the end. Every error is an
// *answerError or a *lineError. The body is buffered, so that net/http knows its length and can send it again on a
// fresh connection when an idle one turns out to be closed (facts §A).
func (l *line) Do(req *http.Request) (*http.Response, error) {
	method := path.Base(req.URL.Path)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: build the request: %w", method, l.scrub.err(err))
	}
	var taken atomic.Bool
	family := l.family.Load()
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		// From the first header on Telegram may have got it all, unless writing fails before the end.
		WroteHeaders: func() { taken.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { taken.Store(i.Err == nil) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				l.family.CompareAndSwap(family, (family+1)%int32(len(families)))
			}
		},
	}))
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) {
		if len(body) == 0 {
			return http.NoBody, nil // any other empty body would be sent chunked
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	req.Body, _ = req.GetBody()

	resp, err := l.http.Do(req)
	if err != nil {
		return nil, &lineError{method: method, taken: taken.Load(), err: l.scrub.err(err)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, &lineError{method: method, taken: true, err: fmt.Errorf("read the answer: %w", l.scrub.err(err))}
	}
	if err := l.verdict(method, resp, answer); err != nil {
		return nil, err
	}
	if r, ok := req.Context().Value(receiptKey{}).(*receipt); ok {
		r.ok = true
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// verdict is nil for a yes of the Bot API.
func (l *line) verdict(method string, resp *http.Response, answer []byte) error {
	var a struct {
		OK          bool   `json:"ok"`
		Code        int    `json:"error_code"`
		Description string `json:"description"`
		Parameters  struct {
			RetryAfter int   `json:"retry_after"`
			MigrateTo  int64 `json:"migrate_to_chat_id"`
		} `json:"parameters"`
	}
	err := json.Unmarshal(answer, &a)
	if len(answer) > maxAnswer || err != nil || !a.OK && a.Code == 0 {
		// A refusal comes from a box before Telegram; of anything else nobody knows what Telegram has seen.
		refused := resp.StatusCode >= 300 && resp.StatusCode < 500
		return &lineError{method: method, taken: !refused, status: resp.StatusCode,
			err: fmt.Errorf("HTTP status %d and %d bytes that are no answer of the Bot API", resp.StatusCode, len(answer))}
	}
	if a.OK {
		return nil
	}
	e := &answerError{method: method, code: a.Code, description: l.scrub.description(a.Description), migrateTo: a.Parameters.MigrateTo}
	if a.Code == http.StatusTooManyRequests {
		seconds := a.Parameters.RetryAfter
		if seconds <= 0 {
			seconds, _ = strconv.Atoi(resp.Header.Get("Retry-After")) // the server says it in both places (TBA Query.cpp:105)
		}
		e.retryAfter = time.Duration(max(seconds, 1)) * time.Second
	}
	return e
}
