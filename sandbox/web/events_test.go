package web_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// eventStream reads /events.
type eventStream struct {
	t     *testing.T
	lines *bufio.Scanner
}

func (p *page) events() *eventStream {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 20*time.Second) // so that a missing event fails the test
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/events", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.browser.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { cancel(); res.Body.Close() })
	if got := res.Header.Get("Content-Type"); got != "text/event-stream" {
		p.t.Fatalf("the stream is of type %q", got)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	return &eventStream{t: p.t, lines: lines}
}

// next is the next event.
func (s *eventStream) next() (name string, data []byte) {
	s.t.Helper()
	for s.lines.Scan() {
		line := s.lines.Text()
		if rest, is := strings.CutPrefix(line, "event: "); is {
			name = rest
		}
		if rest, is := strings.CutPrefix(line, "data: "); is {
			data = []byte(rest)
		}
		if line == "" && name != "" {
			return name, data
		}
	}
	s.t.Fatalf("the stream ended: %v", s.lines.Err())
	return "", nil
}

// await skips events until one of that name is accepted.
func (s *eventStream) await(name string, accept func(data []byte) bool) {
	s.t.Helper()
	for {
		if got, data := s.next(); got == name && accept(data) {
			return
		}
	}
}

func TestStreamBeginsWithTheWholeWorld(t *testing.T) {
	p := newPage(t)
	name, data := p.events().next()
	if name != "world" {
		t.Fatalf("the first event is %q", name)
	}
	world := decode[struct {
		Bot        struct{ Username, Name string }
		GatewayURL string `json:"gateway_url"`
		Phones     []phone
		Faults     map[string]bool
		Calls      []object
	}](t, data)
	if world.Bot.Username != botName || world.Bot.Name != "Gate Bot" || world.GatewayURL != p.gateway.server.URL {
		t.Errorf("bot %+v, gateway %s", world.Bot, world.GatewayURL)
	}
	if len(world.Phones) != 3 || world.Phones[0].Key != "alice" || len(world.Faults) != 10 || world.Calls == nil {
		t.Errorf("%d phones, %d faults, calls %v", len(world.Phones), len(world.Faults), world.Calls)
	}
	if strings.Contains(string(data), apiKey) || strings.Contains(string(data), token) {
		t.Error("the page was told a secret")
	}
}

func TestMessageOfTheBotReachesTheStream(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	events := p.events()
	p.bot("sendMessage", object{"chat_id": p.id("Alice"), "text": "hello Alice"})
	events.await("phone", func(data []byte) bool {
		ph := decode[phone](t, data)
		return ph.Key == "alice" && strings.Join(ph.texts(), " ") == "/start hello Alice"
	})
}

func TestToastCallAndFaultReachTheStream(t *testing.T) {
	p := newPage(t)
	do[phone](p, "POST", p.phone("Alice", "start"), nil)
	p.bot("sendMessage", object{"chat_id": p.id("Alice"), "text": "Link?", "reply_markup": object{"inline_keyboard": [][]object{{{"text": "Link", "callback_data": "yes"}}}}})
	messages := p.telegram.Messages(p.id("Alice"), botName)
	do[phone](p, "POST", p.phone("Alice", "tap"), object{"message_id": messages[1].ID, "button": "Link"})

	events := p.events()
	p.bot("answerCallbackQuery", object{"callback_query_id": p.callbackID(), "text": "Linked"})
	events.await("toast", func(data []byte) bool {
		toast := decode[struct {
			Person int64
			Text   string
		}](t, data)
		return toast.Person == p.id("Alice") && toast.Text == "Linked"
	})
	p.bot("getMe", nil)
	events.await("calls", func(data []byte) bool { return strings.Contains(string(data), `"getMe"`) })
	do[map[string]bool](p, "PUT", "/faults/hang", object{"on": true})
	events.await("faults", func(data []byte) bool { return decode[map[string]bool](t, data)["hang"] })
}

func TestNewPersonReachesTheStream(t *testing.T) {
	p := newPage(t)
	events := p.events()
	do[phone](p, "POST", "/phones", object{"name": "Dave"})
	events.await("phone", func(data []byte) bool { return decode[phone](t, data).Key == "dave" })
}

func TestCloseEndsStreams(t *testing.T) {
	p := newPage(t)
	res, err := p.browser.Get(p.url + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	p.web.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
}
