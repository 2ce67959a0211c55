// Package bot uses the Bot API for one bot. Client sends (client.go, send.go). Poller receives updates and loses none
// (poller.go, updates.go). UpdateHandler acts on them (updatehandler.go, commands.go).
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

	// callTimeout limits every call except the long poll, from the dial to the end of the answer.
	callTimeout = 30 * time.Second
	// connectTimeout limits the dial, and separately the TLS handshake, so that a dead route costs only seconds.
	connectTimeout = 5 * time.Second
	// maxAnswer is the largest answer in bytes. Telegram limits those of getUpdates to 4 MiB.
	maxAnswer = 8 << 20
)

// tokenShape matches a token from @BotFather.
var tokenShape = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)

// Options says how a Client is built.
type Options struct {
	// Token comes from @BotFather. NewClient trims spaces around it.
	Token string
	// BaseURL is the Bot API server, without /bot. Default: https://api.telegram.org.
	BaseURL string
	// Proxy (http, https, socks5 or socks5h) is used for every call. nil: none. HTTP_PROXY and the like are ignored, so
	// that only the configuration decides where the token goes.
	Proxy *url.URL
	// Logger gets the library's errors. nil: nothing is logged.
	Logger *slog.Logger
	// Transport replaces the network in tests. Usually nil.
	Transport http.RoundTripper
}

// Client calls the Bot API for one bot. It is a delivery.Transport. Its methods are safe for concurrent use, and their
// errors never contain the token.
type Client struct {
	id       int64
	base     string
	log      *slog.Logger
	redactor *redactor
	calls    *apiTransport // everything except the long poll
	polls    *apiTransport // the long poll; separate, so that a hanging poll blocks no other call
	token    atomic.Pointer[VerifiedToken]
	ahead    atomic.Int64 // how far Telegram's clock is ahead of this machine's, in nanoseconds
}

// VerifiedToken is a token that Telegram accepted, ready for use by its Client.
type VerifiedToken struct {
	lib *tg.Bot
	url string // of the methods; contains the token
}

// NewClient checks the options without using the network. It returns ErrTokenShape for a text that is not a token.
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
	scrub := newRedactor(token, password)
	c := &Client{id: id, base: base.String(), log: o.Logger, redactor: scrub, calls: newAPITransport(o, scrub), polls: newAPITransport(o, scrub)}
	g, err := c.prepareToken(token)
	if err != nil {
		return nil, err
	}
	c.token.Store(g)
	return c, nil
}

func (c *Client) prepareToken(token string) (*VerifiedToken, error) {
	// Set all three handlers: the library's own ones print to the standard log.
	lib, err := tg.New(token,
		tg.WithSkipGetMe(),
		tg.WithServerURL(c.base),
		tg.WithHTTPClient(0, c.calls),
		tg.WithUpdatesChannelCap(0),
		tg.WithErrorsHandler(func(err error) { c.log.Debug("Bot API library", "error", c.redactor.err(err)) }),
		tg.WithDebugHandler(func(string, ...any) {}),
		tg.WithDefaultHandler(func(context.Context, *tg.Bot, *models.Update) {}),
	)
	if err != nil {
		return nil, fmt.Errorf("set up the Bot API library: %w", c.redactor.err(err))
	}
	return &VerifiedToken{lib: lib, url: c.base + "/bot" + token + "/"}, nil
}

// ErrOtherBot: the token belongs to another bot.
var ErrOtherBot = errors.New("this is the token of another bot")

// VerifyToken asks Telegram which bot a new token belongs to, and returns ErrOtherBot if it is not this one. The client keeps
// using the old token until UseToken. VerifyToken must not run concurrently with itself.
func (c *Client) VerifyToken(ctx context.Context, token string) (*VerifiedToken, error) {
	token = strings.TrimSpace(token)
	switch {
	case !tokenShape.MatchString(token):
		return nil, ErrTokenShape
	case !strings.HasPrefix(token, strconv.FormatInt(c.id, 10)+":"):
		return nil, ErrOtherBot
	}
	c.redactor.add(token)
	g, err := c.prepareToken(token)
	if err != nil {
		return nil, err
	}
	me, err := c.getMe(ctx, g)
	if err == nil && me.ID != c.id {
		err = ErrOtherBot
	}
	return g, err
}

// UseToken makes all further calls with a verified token.
func (c *Client) UseToken(g *VerifiedToken) { c.token.Store(g) }

func (c *Client) lib() *tg.Bot { return c.token.Load().lib }

// Close closes idle connections. Running calls continue.
func (c *Client) Close() {
	c.calls.http.CloseIdleConnections()
	c.polls.http.CloseIdleConnections()
}

// TelegramTime is the time of Telegram's clock at a time of this machine's clock, to about a second. Before the first answer they are
// taken to be the same.
func (c *Client) TelegramTime(here time.Time) time.Time {
	return here.Add(time.Duration(c.ahead.Load()))
}

// readClock compares this machine's clock with the Date of an answer that has just arrived.
func (c *Client) readClock(resp *http.Response) {
	if there, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.ahead.Store(int64(time.Until(there)))
	}
}

// ID is the bot's numeric id, the first part of its token.
func (c *Client) ID() int64 { return c.id }

// Name is "bot", as a message's "transport" shows it.
func (c *Client) Name() string { return "bot" }

// Me describes the bot itself.
type Me struct {
	ID       int64
	Username string // without @
	Name     string
}

// GetMe asks Telegram for the bot's identity. This also checks the token.
func (c *Client) GetMe(ctx context.Context) (Me, error) { return c.getMe(ctx, c.token.Load()) }

func (c *Client) getMe(ctx context.Context, g *VerifiedToken) (Me, error) {
	var me Me
	err := c.call(ctx, func(ctx context.Context) error {
		user, err := g.lib.GetMe(ctx)
		if err == nil {
			me = Me{ID: user.ID, Username: user.Username, Name: user.FirstName}
		}
		return err
	})
	if err == nil && me.Username == "" {
		err = errors.New("getMe: the answer contains no bot")
	}
	return me, err
}

// AnswerCallback answers a callback query with a text of at most 200 characters: a short notice, or a dialog if alert is set.
// A query that Telegram has forgotten is not an error.
func (c *Client) AnswerCallback(ctx context.Context, callbackID, text string, alert bool) error {
	return ignoreStale(c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().AnswerCallbackQuery(ctx, &tg.AnswerCallbackQueryParams{CallbackQueryID: callbackID, Text: text, ShowAlert: alert})
		return err
	}))
}

// RemoveButtons removes the buttons of a message of the bot. A message without buttons, or a deleted one, is not an error.
func (c *Client) RemoveButtons(ctx context.Context, chatID int64, messageID int) error {
	return ignoreStale(c.call(ctx, func(ctx context.Context) error {
		_, err := c.lib().EditMessageReplyMarkup(ctx, &tg.EditMessageReplyMarkupParams{ChatID: chatID, MessageID: messageID})
		return err
	}))
}

// Command is an entry of the bot's command menu in Telegram.
type Command struct {
	Name        string // 1-32 characters of a-z, 0-9 and _, without the slash
	Description string // 1-256 characters
}

// SetCommands sets the command menu for a language (ISO 639-1). Empty: for all languages without their own menu.
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

// acknowledgement records that Telegram answered "ok". It counts even if the library cannot decode the result: an answer
// newer than its models must not make a delivered message look undelivered.
type acknowledgement struct{ ok bool }

type acknowledgementKey struct{}

// call runs one method of the library within callTimeout. Its error is an *answerError, a *networkError or, if the
// request could not be built, a redacted error.
func (c *Client) call(ctx context.Context, method func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var r acknowledgement
	err := method(context.WithValue(ctx, acknowledgementKey{}, &r))
	var answer *answerError
	var network *networkError
	switch {
	case err == nil || r.ok:
		return nil
	case errors.As(err, &answer):
		return answer
	case errors.As(err, &network):
		return network
	default:
		return c.calls.redactor.err(err)
	}
}

// apiTransport sends requests to the Bot API and reads the answers. It is the library's HTTP client.
type apiTransport struct {
	http     *http.Client
	family   atomic.Int32 // index into families
	redactor *redactor
}

// families are the networks to dial: both address families at once ("happy eyeballs"), or one alone. If the TLS handshake
// fails, the next dial uses the next one: a broken route can pass the first packets and drop the rest. A family that
// works stays.
var families = [...]string{"tcp", "tcp4", "tcp6"}

func newAPITransport(o Options, scrub *redactor) *apiTransport {
	l := &apiTransport{redactor: scrub}
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
			ForceAttemptHTTP2:      true, // a custom dialer turns it off
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
		// A redirect would send the token to another server.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l
}

// Do sends a request and returns the answer, read to the end, if the Bot API answered "ok". Every error is an
// *answerError or a *networkError. Do buffers the body, so that net/http knows its length and can send it again on a new
// connection if an idle one was closed.
func (l *apiTransport) Do(req *http.Request) (*http.Response, error) {
	method := path.Base(req.URL.Path)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: build the request: %w", method, l.redactor.err(err))
	}
	var maybeSent atomic.Bool
	family := l.family.Load()
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		// After the headers Telegram may have the whole request, unless writing the rest fails.
		WroteHeaders: func() { maybeSent.Store(true) },
		WroteRequest: func(i httptrace.WroteRequestInfo) { maybeSent.Store(i.Err == nil) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				l.family.CompareAndSwap(family, (family+1)%int32(len(families)))
			}
		},
	}))
	req.ContentLength = int64(len(body))
	req.GetBody = func() (io.ReadCloser, error) {
		if len(body) == 0 {
			return http.NoBody, nil // net/http sends any other empty body chunked
		}
		return io.NopCloser(bytes.NewReader(body)), nil
	}
	req.Body, _ = req.GetBody()

	resp, err := l.http.Do(req)
	if err != nil {
		return nil, &networkError{method: method, maybeSent: maybeSent.Load(), err: l.redactor.err(err)}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, &networkError{method: method, maybeSent: true, err: fmt.Errorf("read the answer: %w", l.redactor.err(err))}
	}
	if err := l.checkAnswer(method, resp, answer); err != nil {
		return nil, err
	}
	if r, ok := req.Context().Value(acknowledgementKey{}).(*acknowledgement); ok {
		r.ok = true
	}
	resp.Body = io.NopCloser(bytes.NewReader(answer))
	return resp, nil
}

// checkAnswer returns nil if the Bot API answered "ok".
func (l *apiTransport) checkAnswer(method string, resp *http.Response, answer []byte) error {
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
		// Status 3xx and 4xx come from a proxy, so Telegram did not get the request. Otherwise it may have.
		refused := resp.StatusCode >= 300 && resp.StatusCode < 500
		return &networkError{method: method, maybeSent: !refused, status: resp.StatusCode,
			err: fmt.Errorf("HTTP status %d and %d bytes that are no answer of the Bot API", resp.StatusCode, len(answer))}
	}
	if a.OK {
		return nil
	}
	e := &answerError{method: method, code: a.Code, description: l.redactor.description(a.Description), migrateTo: a.Parameters.MigrateTo}
	if a.Code == http.StatusTooManyRequests {
		seconds := a.Parameters.RetryAfter
		if seconds <= 0 {
			seconds, _ = strconv.Atoi(resp.Header.Get("Retry-After")) // the server says it in both places (TBA Query.cpp:105)
		}
		e.retryAfter = time.Duration(max(seconds, 1)) * time.Second
	}
	return e
}
