//go:build !nomtproto

package userclient

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gotd/td/tg"

	"telegate/delivery"
	"telegate/userclient/account"
)

// askAgain is how long an answer holds that a username leads to nobody, or to somebody else: Telegram limits these
// questions hard (facts §C).
const askAgain = 24 * time.Hour

// firstChannel: the Bot API's id of a supergroup or channel is this minus its id in MTProto.
const firstChannel = -1_000_000_000_000

// Resolve asks Telegram who has a username. The person found can be written to from then on, under its id. ErrNobody;
// anything else is a *delivery.SendError.
func (c *Client) Resolve(ctx context.Context, username string) (Person, error) {
	name, err := delivery.Username(username)
	if err != nil {
		return Person{}, err
	}
	ctx = withCaller(ctx, caller{end: c.o.Now().Add(patience)})
	s := c.board.await(ctx, patience)
	api := c.api.Load()
	if api == nil || s.State != StateConnected && s.State != StateFloodWait && s.State != StateLimited {
		return Person{}, c.unconnected(s)
	}
	user, err := c.lookUp(ctx, api, name)
	if err != nil {
		var e *delivery.SendError
		if e = c.sendError(ctx, err); e.Class == delivery.RecipientPermanent {
			return Person{}, fmt.Errorf("%w: %w", ErrNobody, err)
		}
		return Person{}, e
	}
	if user == nil || user.Bot {
		return Person{}, ErrNobody
	}
	p := account.Peer{ID: user.ID, AccessHash: user.AccessHash, Known: true, Asked: name, AskedAt: c.o.Now()}
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return Person{}, c.sendError(ctx, storeError{err})
	}
	return person(user), nil
}

// peer finds how to address a chat. One caller at a time asks Telegram; the others find the answer in the store.
func (c *Client) peer(ctx context.Context, api *tg.Client, id int64) (tg.InputPeerClass, error) {
	if id < 0 && id > firstChannel {
		return &tg.InputPeerChat{ChatID: -id}, nil
	}
	p, err := c.known(ctx, id)
	if err != nil || p.Known {
		return input(p), err
	}
	select {
	case c.resolve <- struct{}{}:
		defer func() { <-c.resolve }()
	case <-ctx.Done():
		return nil, refusal(delivery.Transient, delivery.ReasonUnreachable, sayCanceled, ctx.Err()) // nothing was sent
	}
	if p, err = c.known(ctx, id); err != nil || p.Known {
		return input(p), err
	}
	switch {
	case c.bot == 0:
		p, err = c.byName(ctx, api, p)
	case id < 0:
		p, err = c.channel(ctx, api, p)
	default:
		p, err = c.met(ctx, api, p)
	}
	if err != nil {
		return nil, notSent(err)
	}
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return nil, storeError{fmt.Errorf("save peer: %w", err)}
	}
	return input(p), nil
}

// notSent marks an error from before the message was sent: whatever it is, the outcome is not unknown.
func notSent(err error) error { return before{err} }

type before struct{ error }

func (e before) Unwrap() error { return e.error }

func (c *Client) known(ctx context.Context, id int64) (account.Peer, error) {
	p, err := c.o.Store.Peer(ctx, c.name, id)
	if err != nil {
		return p, storeError{fmt.Errorf("read peer: %w", err)}
	}
	return p, nil
}

func input(p account.Peer) tg.InputPeerClass {
	if p.ID < 0 {
		return &tg.InputPeerChannel{ChannelID: firstChannel - p.ID, AccessHash: p.AccessHash}
	}
	return &tg.InputPeerUser{UserID: p.ID, AccessHash: p.AccessHash}
}

// unlearn drops an access hash that Telegram does not accept.
func (c *Client) unlearn(ctx context.Context, id int64) error {
	p, err := c.known(ctx, id)
	if err != nil {
		return err
	}
	p.Known, p.AccessHash, p.Asked = false, 0, ""
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return storeError{fmt.Errorf("save peer: %w", err)}
	}
	return nil
}

// byName finds a person by the username that was last seen, and takes only who was linked: a name is a label and may have
// changed hands (F19).
func (c *Client) byName(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	if p.Username == "" {
		return p, refusal(delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayNoName, errors.New("no username is known"))
	}
	moved := refusal(delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayMoved, errors.New("the username leads to another account"))
	if strings.EqualFold(p.Asked, p.Username) && c.o.Now().Sub(p.AskedAt) < askAgain {
		return p, moved
	}
	user, err := c.lookUp(ctx, api, p.Username)
	if err != nil {
		return p, err
	}
	p.Asked, p.AskedAt = p.Username, c.o.Now()
	if user == nil || user.ID != p.ID {
		if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
			return p, storeError{fmt.Errorf("save peer: %w", err)}
		}
		return p, moved
	}
	p.AccessHash, p.Known = user.AccessHash, true
	return p, nil
}

// lookUp is nil where the name is that of no user.
func (c *Client) lookUp(ctx context.Context, api *tg.Client, name string) (*tg.User, error) {
	found, err := api.ContactsResolveUsername(ctx, &tg.ContactsResolveUsernameRequest{Username: name})
	if err != nil {
		return nil, err
	}
	peer, ok := found.Peer.(*tg.PeerUser)
	if !ok {
		return nil, nil
	}
	return userIn(found.Users, peer.UserID), nil
}

// met finds a person whom the bot has met: a bot may ask for those without an access hash.
func (c *Client) met(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	users, err := api.UsersGetUsers(ctx, []tg.InputUserClass{&tg.InputUser{UserID: p.ID}})
	if err != nil {
		return p, err
	}
	user := userIn(users, p.ID)
	if user == nil {
		return p, refusal(delivery.RecipientPermanent, delivery.ReasonNeverStarted, sayNotStarted, errors.New("the bot has not met the user"))
	}
	p.AccessHash, p.Known = user.AccessHash, true
	return p, nil
}

func userIn(users []tg.UserClass, id int64) *tg.User {
	for _, u := range users {
		if user, ok := u.(*tg.User); ok && user.ID == id && !user.Min {
			return user
		}
	}
	return nil
}

// channel finds a supergroup or channel that the bot is in.
func (c *Client) channel(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	chats, err := api.ChannelsGetChannels(ctx, []tg.InputChannelClass{&tg.InputChannel{ChannelID: firstChannel - p.ID}})
	if err != nil {
		return p, err
	}
	for _, chat := range chats.GetChats() {
		if ch, ok := chat.(*tg.Channel); ok && ch.ID == firstChannel-p.ID {
			p.AccessHash, p.Known = ch.AccessHash, true
			return p, nil
		}
	}
	return p, refusal(delivery.RecipientPermanent, delivery.ReasonKicked, sayKicked, errors.New("the bot is not in the channel"))
}
