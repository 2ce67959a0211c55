package sandbox

import (
	"fmt"
	"strings"
)

// firstGroupID is where the ids of groups begin, as a positive number, and
// supergroupBase what is added to that of a supergroup.
const (
	firstGroupID   = 4_000_000
	supergroupBase = 1_000_000_000_000
)

// The status of a bot in a chat, as ChatMember.status tells it.
const (
	statusMember = "member"
	statusLeft   = "left"
	statusKicked = "kicked"
)

// Chat is a group.
type Chat struct {
	ID         int64 // negative; of a supergroup below -1000000000000
	Title      string
	Supergroup bool
}

// group is a Chat together with the bots in it. People are not members: anybody
// may write, and what happens to bots is done by an anonymous administrator.
type group struct {
	Chat
	movedTo int64            // the supergroup it became; 0: none
	status  map[int64]string // of each bot that ever was in it, by bot id
}

// anonymousAdmin is the user that stands for an administrator who stays
// anonymous: https://core.telegram.org/bots/api#message, "from".
var anonymousAdmin = wireUser{ID: 1087968824, IsBot: true, FirstName: "Group", Username: "GroupAnonymousBot"}

// AddGroup makes a group without a bot.
func (t *Telegram) AddGroup(title string) Chat {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lastGroup++
	g := &group{Chat: Chat{ID: -t.lastGroup, Title: title}, status: map[int64]string{}}
	t.groups[g.ID] = g
	t.publish(Event{Kind: "chat", Person: g.ID})
	return g.Chat
}

// AddToGroup adds a bot to a group. The bot hears of it: my_chat_member and the
// service message.
func (t *Telegram) AddToGroup(chatID int64, bot string) error {
	if err := t.setMember(chatID, bot, statusMember); err != nil {
		return fmt.Errorf("add to group: %w", err)
	}
	return nil
}

// RemoveFromGroup kicks a bot out of a group: what it sends there answers 403
// "bot was kicked from the … chat".
func (t *Telegram) RemoveFromGroup(chatID int64, bot string) error {
	if err := t.setMember(chatID, bot, statusKicked); err != nil {
		return fmt.Errorf("remove from group: %w", err)
	}
	return nil
}

func (t *Telegram) setMember(chatID int64, bot, status string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, err := t.liveGroup(chatID)
	if err != nil {
		return err
	}
	b, err := t.botNamed(bot)
	if err != nil {
		return err
	}
	before := g.status[b.ID]
	if before == "" {
		before = statusLeft
	}
	if before == status {
		return nil
	}
	g.status[b.ID] = status
	t.push(b, "my_chat_member", wireMemberUpdated{
		Chat: t.wireChat(g.ID), From: anonymousAdmin, Date: t.now().Unix(),
		OldChatMember: b.member(before), NewChatMember: b.member(status),
	}, updateLife)
	me := b.wire()
	if status == statusMember {
		t.service(b, g, wireMessage{NewChatMembers: []wireUser{me}})
	} else {
		t.service(b, g, wireMessage{LeftChatMember: &me})
	}
	t.publish(Event{Kind: "chat", Person: g.ID, Bot: b.Username})
	return nil
}

// service tells a bot of something that happened in a group.
func (t *Telegram) service(b *bot, g *group, m wireMessage) {
	b.lastMessage++
	m.MessageID, m.Date = b.lastMessage, t.now().Unix()
	m.Chat = t.wireChat(g.ID)
	m.From, m.SenderChat = &anonymousAdmin, &m.Chat
	t.push(b, "message", m, updateLife)
}

// MigrateGroup turns a group into a supergroup with a new id. Its bots hear of
// it, and what they send to the old id answers 400 with
// parameters.migrate_to_chat_id.
func (t *Telegram) MigrateGroup(chatID int64) (newID int64, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, err := t.liveGroup(chatID)
	if err != nil {
		return 0, fmt.Errorf("migrate group: %w", err)
	}
	if g.Supergroup {
		return 0, fmt.Errorf("migrate group: %d is a supergroup already", chatID)
	}
	super := &group{Chat: Chat{ID: chatID - supergroupBase, Title: g.Title, Supergroup: true}, status: g.status}
	t.groups[super.ID] = super
	g.movedTo = super.ID
	for _, b := range t.bots {
		if g.status[b.ID] == statusMember {
			t.service(b, g, wireMessage{MigrateToChatID: super.ID})
			t.service(b, super, wireMessage{MigrateFromChatID: g.ID})
		}
	}
	t.publish(Event{Kind: "chat", Person: g.ID})
	t.publish(Event{Kind: "chat", Person: super.ID})
	return super.ID, nil
}

// liveGroup finds a group that has not become a supergroup.
func (t *Telegram) liveGroup(id int64) (*group, error) {
	g := t.groups[id]
	if g == nil {
		return nil, fmt.Errorf("%w: %d", ErrUnknownGroup, id)
	}
	if g.movedTo != 0 {
		return nil, fmt.Errorf("group %d has become the supergroup %d", id, g.movedTo)
	}
	return g, nil
}

// SayInGroup sends a person's message to a group. As with a bot in privacy
// mode, the default, a bot hears of it only if it is a command that names the
// bot ("/id@SomeBot") or no bot at all ("/id").
func (t *Telegram) SayInGroup(person, chatID int64, text string) error {
	text, entities, err := personText(text)
	if err != nil {
		return fmt.Errorf("say in group: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p, err := t.active(person)
	if err != nil {
		return fmt.Errorf("say in group: %w", err)
	}
	g, err := t.liveGroup(chatID)
	if err != nil {
		return fmt.Errorf("say in group: %w", err)
	}
	for _, b := range t.bots {
		if g.status[b.ID] != statusMember {
			continue
		}
		c := b.chat(g.ID)
		m := t.post(b, c, Message{From: p.ID, Text: text, Entities: entities})
		if addressed(text, b.Username) {
			t.push(b, "message", t.wireMessage(b, c, m), updateLife)
		}
	}
	return nil
}

// addressed reports whether a text is a command for this bot or for any bot.
func addressed(text, username string) bool {
	if !strings.HasPrefix(text, "/") {
		return false
	}
	command, _, _ := strings.Cut(text, " ")
	_, name, named := strings.Cut(command, "@")
	return !named || strings.EqualFold(name, username)
}
