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

// usernameCache is how long the answer stays valid that nobody, or another account, has a username. Telegram limits this
// method strictly.
const usernameCache = 24 * time.Hour

// channelIDBase: the Bot API's id of a supergroup or channel is this minus its MTProto id.
const channelIDBase = -1_000_000_000_000

// Resolve asks Telegram who has a username. Messages can then be sent to this person's id. ErrNobody; any other error is a
// *delivery.SendError.
func (c *Client) Resolve(ctx context.Context, username string) (Person, error) {
	name, err := delivery.Username(username)
	if err != nil {
		return Person{}, err
	}
	ctx = withSender(ctx, sender{deadline: c.o.Now().Add(maxWait)})
	s := c.status.await(ctx, maxWait)
	api := c.api.Load()
	if api == nil || s.State != StateConnected && s.State != StateFloodWait && s.State != StateLimited {
		return Person{}, c.notConnected(s)
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
	p := account.Peer{ID: user.ID, AccessHash: user.AccessHash, HasAccessHash: true, AskedName: name, AskedAt: c.o.Now()}
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return Person{}, c.sendError(ctx, storeError{err})
	}
	return personOf(user), nil
}

// inputPeer finds how to address a chat. One caller at a time asks Telegram; the others then find the answer in the store.
func (c *Client) inputPeer(ctx context.Context, api *tg.Client, id int64) (tg.InputPeerClass, error) {
	if id < 0 && id > channelIDBase {
		return &tg.InputPeerChat{ChatID: -id}, nil
	}
	p, err := c.storedPeer(ctx, id)
	if err != nil || p.HasAccessHash {
		return inputPeerOf(p), err
	}
	select {
	case c.resolving <- struct{}{}:
		defer func() { <-c.resolving }()
	case <-ctx.Done():
		return nil, refusal(delivery.Transient, delivery.ReasonUnreachable, sayCanceled, ctx.Err()) // nothing was sent
	}
	if p, err = c.storedPeer(ctx, id); err != nil || p.HasAccessHash {
		return inputPeerOf(p), err
	}
	switch {
	case c.bot == 0:
		p, err = c.userByName(ctx, api, p)
	case id < 0:
		p, err = c.channelByID(ctx, api, p)
	default:
		p, err = c.userByID(ctx, api, p)
	}
	if err != nil {
		return nil, notSent(err)
	}
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return nil, storeError{fmt.Errorf("save peer: %w", err)}
	}
	return inputPeerOf(p), nil
}

// notSent marks an error that happened before the message was sent, so that its outcome does not count as unknown.
func notSent(err error) error { return notSentError{err} }

type notSentError struct{ error }

func (e notSentError) Unwrap() error { return e.error }

func (c *Client) storedPeer(ctx context.Context, id int64) (account.Peer, error) {
	p, err := c.o.Store.Peer(ctx, c.name, id)
	if err != nil {
		return p, storeError{fmt.Errorf("read peer: %w", err)}
	}
	return p, nil
}

func inputPeerOf(p account.Peer) tg.InputPeerClass {
	if p.ID < 0 {
		return &tg.InputPeerChannel{ChannelID: channelIDBase - p.ID, AccessHash: p.AccessHash}
	}
	return &tg.InputPeerUser{UserID: p.ID, AccessHash: p.AccessHash}
}

// forgetPeer drops an access hash that Telegram rejects.
func (c *Client) forgetPeer(ctx context.Context, id int64) error {
	p, err := c.storedPeer(ctx, id)
	if err != nil {
		return err
	}
	p.HasAccessHash, p.AccessHash, p.AskedName = false, 0, ""
	if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
		return storeError{fmt.Errorf("save peer: %w", err)}
	}
	return nil
}

// userByName finds a person by their last known username, and checks that it still belongs to the linked account.
func (c *Client) userByName(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	if p.Username == "" {
		return p, refusal(delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayNoName, errors.New("no username is known"))
	}
	moved := refusal(delivery.RecipientPermanent, delivery.ReasonChatNotFound, sayMoved, errors.New("the username leads to another account"))
	if strings.EqualFold(p.AskedName, p.Username) && c.o.Now().Sub(p.AskedAt) < usernameCache {
		return p, moved
	}
	user, err := c.lookUp(ctx, api, p.Username)
	if err != nil {
		return p, err
	}
	p.AskedName, p.AskedAt = p.Username, c.o.Now()
	if user == nil || user.ID != p.ID {
		if err := c.o.Store.SavePeer(ctx, c.name, p); err != nil {
			return p, storeError{fmt.Errorf("save peer: %w", err)}
		}
		return p, moved
	}
	p.AccessHash, p.HasAccessHash = user.AccessHash, true
	return p, nil
}

// lookUp returns nil if the name does not belong to a user.
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

// userByID finds a person who has met the bot. A bot may ask for them without an access hash.
func (c *Client) userByID(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	users, err := api.UsersGetUsers(ctx, []tg.InputUserClass{&tg.InputUser{UserID: p.ID}})
	if err != nil {
		return p, err
	}
	user := userIn(users, p.ID)
	if user == nil {
		return p, refusal(delivery.RecipientPermanent, delivery.ReasonNeverStarted, sayNotStarted, errors.New("the bot has not met the user"))
	}
	p.AccessHash, p.HasAccessHash = user.AccessHash, true
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

// channelByID finds a supergroup or channel that the bot is a member of.
func (c *Client) channelByID(ctx context.Context, api *tg.Client, p account.Peer) (account.Peer, error) {
	chats, err := api.ChannelsGetChannels(ctx, []tg.InputChannelClass{&tg.InputChannel{ChannelID: channelIDBase - p.ID}})
	if err != nil {
		return p, err
	}
	for _, chat := range chats.GetChats() {
		if ch, ok := chat.(*tg.Channel); ok && ch.ID == channelIDBase-p.ID {
			p.AccessHash, p.HasAccessHash = ch.AccessHash, true
			return p, nil
		}
	}
	return p, refusal(delivery.RecipientPermanent, delivery.ReasonKicked, sayKicked, errors.New("the bot is not in the channel"))
}
