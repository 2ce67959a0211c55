package gatewaytest

import (
	"bytes"
	"net/url"
	"regexp"
	"slices"
	"sync"

	"telegate/delivery"
	"telegate/linking"
)

// Person is a Telegram user, as the bot sees them.
func Person(id int64, username, first, last string) linking.Chat {
	return linking.Chat{BotID: BotID, ID: id, Type: "private", Username: username, FirstName: first, LastName: last, Language: "en"}
}

// Token is the token in the URL of a link.
func (g *Gateway) Token(startURL string) string {
	g.T.Helper()
	u, err := url.Parse(startURL)
	if err != nil {
		g.T.Fatal(err)
	}
	return u.Query().Get("start")
}

// Claim is a tap on the URL of a link: the chat claims its token.
func (g *Gateway) Claim(chat linking.Chat, startURL string) {
	g.T.Helper()
	if err := g.Links.Claim(g.T.Context(), chat, g.Token(startURL)); err != nil {
		g.T.Fatal(err)
	}
}

// Accept is a tap on Connect.
func (g *Gateway) Accept(chat linking.Chat, linkID string) {
	g.T.Helper()
	if err := g.Links.Accept(g.T.Context(), BotID, chat.ID, linkID); err != nil {
		g.T.Fatal(err)
	}
}

// Last is the newest queued message to a chat.
func (g *Gateway) Last(chat linking.Chat) delivery.Message {
	g.T.Helper()
	queued, err := g.DB.Waiting(g.T.Context(), 0, 1000)
	if err != nil {
		g.T.Fatal(err)
	}
	for _, q := range slices.Backward(queued) {
		if q.ChatID == chat.ID {
			m, err := g.DB.Load(g.T.Context(), q.ID)
			if err != nil {
				g.T.Fatal(err)
			}
			return m
		}
	}
	g.T.Fatalf("nothing waits for %s", chat.Username)
	return delivery.Message{}
}

var codePattern = regexp.MustCompile(`^[0-9]{6}\b`)

// Code is the code in the newest message to a chat.
func (g *Gateway) Code(chat linking.Chat) string {
	g.T.Helper()
	text := g.Last(chat).Body.Parts[0].Text.Text
	code := codePattern.FindString(text)
	if code == "" {
		g.T.Fatalf("no code in %q", text)
	}
	return code
}

// WrongCode is a code other than the given one.
func WrongCode(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// Buffer is a bytes.Buffer for concurrent use.
type Buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is what was written.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
