package bench

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"

	"telegate/sandbox"
)

// latency is the time that the simulated Telegram needs to answer, as in the comparison with others.
const latency = 50 * time.Millisecond

// The limits of the comparison: 30 messages per second with a burst of 30; in a chat 1 per second with a burst of 3. An empty bucket answers 429
// until its retry_after of 1 s is over.
var (
	telegramLimits = sandbox.Limits{
		BotPerSecond: 30, BotBurst: 30, ChatPerSecond: 1, ChatBurst: 3, RetryAfter: time.Second, Latency: latency,
	}
	promptLimits = func() sandbox.Limits { l := telegramLimits; l.Latency = 0; return l }() // the same, without latency
	noLimits     = sandbox.Limits{Off: true}
)

// arrival is a send that reached Telegram.
type arrival struct {
	at        time.Time // when the request arrived
	bot       string
	chat      int64
	text      string
	code      int  // the HTTP status; 0: the answer was lost
	delivered bool // the message is in the chat
}

// telegram is a simulated Telegram on the loopback, with everything that arrived there.
type telegram struct {
	*sandbox.Telegram
	url  string
	http *http.Client
	srv  *http.Server

	mu       sync.Mutex
	arrivals []arrival // guarded by mu
}

// newTelegram starts a simulated Telegram without bots or people. The caller must stop it.
func newTelegram(ctx context.Context, limits sandbox.Limits) (*telegram, error) {
	t := &telegram{http: &http.Client{}}
	t.Telegram = sandbox.New(sandbox.Options{Limits: limits, OnCall: t.note})
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated Telegram: %w", err)
	}
	t.url = "http://" + l.Addr().String()
	t.srv = &http.Server{Handler: t.Telegram, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = t.srv.Serve(l) }() // ends with stop
	return t, nil
}

func (t *telegram) stop() {
	t.Close()
	_ = t.srv.Close()
}

func (t *telegram) note(c sandbox.Call) {
	if c.Method != "sendMessage" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.arrivals = append(t.arrivals, arrival{c.Time, c.Bot, c.ChatID, c.Params["text"], c.Code, c.Delivered})
}

// seen are the sends so far, in the order of their answers.
func (t *telegram) seen() []arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.arrivals[:len(t.arrivals):len(t.arrivals)]
}

// addBot adds a bot and people who have pressed Start. It drops those updates, so that the gateway has nothing to answer.
func (t *telegram) addBot(ctx context.Context, b benchBot, chats []int64) error {
	if _, err := t.AddBot(b.token, b.username, ""); err != nil {
		return err
	}
	for _, id := range chats {
		if _, known := t.Person(id); !known {
			t.AddPerson(sandbox.Person{ID: id, FirstName: "Somebody"})
		}
		if err := t.Start(id, b.username, ""); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, t.url+"/bot"+b.token+"/deleteWebhook?drop_pending_updates=true", nil)
	if err != nil {
		return err
	}
	resp, err := t.http.Do(req)
	if err != nil {
		return fmt.Errorf("drop the updates: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("drop the updates: %s", resp.Status)
	}
	return nil
}
