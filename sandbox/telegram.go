// Package sandbox is a simulated Telegram: people with phones, bots, and the
// Bot API server that stands between them. The tests of telegate and the
// command "telegate sandbox" use it in place of https://api.telegram.org.
//
// A Telegram is an [http.Handler] that answers /bot<token>/<method> as the real
// server does: the same JSON, the same rules about who may be written to, the
// documented limits, and the same error texts. The people are driven by Go
// calls ([Telegram.Start], [Telegram.Say], [Telegram.Tap], [Telegram.Block]…),
// and what their phones show is read with [Telegram.Messages].
//
// Everything lives in memory and is bounded: a chat keeps its last 1,000
// messages, the transcript the last 100,000 requests.
package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options says how a Telegram is built. The zero value is ready for use.
type Options struct {
	// Now is the clock of everything that is stamped or that runs out: message
	// dates, limits, the life of updates and callback queries. nil: time.Now.
	// Waiting (long polls, their pace, latency) uses real time.
	Now func() time.Time
	// Limits are the flood limits; a zero field takes its documented default.
	Limits Limits
	// Logger logs each refused request at level debug: method, bot and answer,
	// never the token or a text. nil: nothing is logged.
	Logger *slog.Logger
	// OnCall is called for each request when it enters the transcript, in that
	// order. All other calls wait meanwhile: it must return soon and not call
	// methods of the Telegram. nil: not called.
	OnCall func(Call)
}

// Telegram is the simulated world. Its methods may be called from any number
// of goroutines.
type Telegram struct {
	now    func() time.Time
	limits Limits
	logger *slog.Logger
	onCall func(Call)

	done      chan struct{} // closed by Close
	closeOnce sync.Once

	mu        sync.Mutex // guards everything below, and every bot, chat, person and group reachable from it
	bots      []*bot     // in order of arrival
	byToken   map[string]*bot
	people    []*person // in order of arrival
	byID      map[int64]*person
	groups    map[int64]*group
	usernames map[string]int64 // lower case, people and bots
	lastID    int64            // the last id given to a person
	lastGroup int64            // the last id given to a group, as a positive number
	files     []*Message       // those whose file content is kept, oldest first
	fileBytes int
	lastFile  int
	faults    faultState
	calls     transcript
	events    map[chan Event]struct{}
}

// New builds an empty world: no people, no bots, no faults.
func New(o Options) *Telegram {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.OnCall == nil {
		o.OnCall = func(Call) {}
	}
	return &Telegram{
		now:       o.Now,
		limits:    o.Limits.withDefaults(),
		logger:    o.Logger,
		onCall:    o.OnCall,
		done:      make(chan struct{}),
		byToken:   map[string]*bot{},
		byID:      map[int64]*person{},
		groups:    map[int64]*group{},
		usernames: map[string]int64{},
		lastID:    firstPersonID,
		lastGroup: firstGroupID,
		events:    map[chan Event]struct{}{},
	}
}

// Close ends every waiting request: long polls, hanging ones and those that
// serve their latency. Requests that come later are cut off without an answer.
// The world can still be read.
func (t *Telegram) Close() { t.closeOnce.Do(func() { close(t.done) }) }

// Bot is an account of the Bot API, as BotFather hands it out.
type Bot struct {
	ID       int64 // the number before the colon of the token
	Username string
	Name     string
	Token    string
}

// tokenShape is the form of a token that BotFather gives out.
var tokenShape = regexp.MustCompile(`^[0-9]{6,12}:[A-Za-z0-9_-]{30,}$`)

// botUsername is the form of a bot's username: 5 to 32 letters, digits and
// underscores, beginning with a letter.
var botUsername = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]{4,31}$`)

// AddBot registers a bot. The token must look like one from BotFather (a
// number, a colon and at least 30 characters of A-Z a-z 0-9 _ -) and neither
// it nor its number nor the username may be taken.
func (t *Telegram) AddBot(token, username, name string) (Bot, error) {
	if !tokenShape.MatchString(token) {
		return Bot{}, errors.New("add bot: the token does not look like one from BotFather (123456789:AA…)")
	}
	username = strings.TrimPrefix(username, "@")
	if !botUsername.MatchString(username) {
		return Bot{}, fmt.Errorf("add bot: username %q must have 5 to 32 letters, digits or underscores", username)
	}
	id, err := strconv.ParseInt(token[:strings.IndexByte(token, ':')], 10, 64)
	if err != nil {
		return Bot{}, errors.New("add bot: the number of the token is out of range")
	}
	if name == "" {
		name = username
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.usernames[strings.ToLower(username)]; taken {
		return Bot{}, fmt.Errorf("add bot: username %q is taken", username)
	}
	if t.byID[id] != nil || t.botByID(id) != nil {
		return Bot{}, fmt.Errorf("add bot: id %d is taken", id)
	}
	b := newBot(Bot{ID: id, Username: username, Name: name, Token: token})
	t.bots = append(t.bots, b)
	t.byToken[token] = b
	t.usernames[strings.ToLower(username)] = id
	return b.Bot, nil
}

// Bots lists the bots in order of arrival.
func (t *Telegram) Bots() []Bot {
	t.mu.Lock()
	defer t.mu.Unlock()
	bots := make([]Bot, len(t.bots))
	for i, b := range t.bots {
		bots[i] = b.Bot
	}
	return bots
}

// bot is an account together with everything Telegram keeps for it.
type bot struct {
	Bot
	chats       map[int64]*chat // by chat id
	commands    map[string][]botCommand
	updates     updateQueue
	callbacks   map[string]*callback // by callback query id
	lastMessage int                  // the last message id: one count for all chats of a bot, as in Telegram
	lastTap     int64                // the last callback query id
	bucket      bucket               // of the limit of messages a second
}

func newBot(b Bot) *bot {
	return &bot{
		Bot:       b,
		chats:     map[int64]*chat{},
		commands:  map[string][]botCommand{},
		updates:   newUpdateQueue(),
		callbacks: map[string]*callback{},
		lastTap:   firstTap,
	}
}

// botNamed finds a bot by username, in any case and with or without the "@".
func (t *Telegram) botNamed(username string) (*bot, error) {
	name := strings.ToLower(strings.TrimPrefix(username, "@"))
	if b := t.botByID(t.usernames[name]); b != nil {
		return b, nil
	}
	return nil, fmt.Errorf("%w: @%s", ErrUnknownBot, name)
}

func (t *Telegram) botByID(id int64) *bot {
	for _, b := range t.bots {
		if b.ID == id {
			return b
		}
	}
	return nil
}
