//go:build !nomtproto

package datacenter

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/gotd/td/bin"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
)

const channelIDBase = -1_000_000_000_000

func timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 10*time.Second)
}

// user is an account as seen by others, or by itself.
func (s *Telegram) user(a *Account, self bool) *tg.User {
	user := &tg.User{ID: a.ID, AccessHash: a.AccessHash, FirstName: a.Name, Username: a.Username, Bot: a.Token != "", Self: self}
	if len(a.MoreUsernames) > 0 {
		user.Username = ""
		for _, name := range append([]string{a.Username}, a.MoreUsernames...) {
			user.Usernames = append(user.Usernames, tg.Username{Active: true, Editable: name == a.Username, Username: name})
		}
	}
	return user
}

// getUsers returns the caller and, for a bot also without access hash, other accounts.
func (c *call) getUsers(r *tg.UsersGetUsersRequest) (bin.Encoder, error) {
	me, err := c.me()
	if err != nil {
		return nil, err
	}
	var list tg.UserClassVector
	for _, id := range r.ID {
		switch id := id.(type) {
		case *tg.InputUserSelf:
			list.Elems = append(list.Elems, c.user(me, true))
		case *tg.InputUser:
			if a, ok := c.accounts[id.UserID]; ok && (me.Token != "" || id.AccessHash == a.AccessHash) {
				list.Elems = append(list.Elems, c.user(a, false))
			}
		}
	}
	return &list, nil
}

func (c *call) getChannels(r *tg.ChannelsGetChannelsRequest) (bin.Encoder, error) {
	if _, err := c.me(); err != nil {
		return nil, err
	}
	answer := &tg.MessagesChats{}
	for _, id := range r.ID {
		if id, ok := id.(*tg.InputChannel); ok {
			if accessHash, ok := c.groups[channelIDBase-id.ChannelID]; ok {
				channel := &tg.Channel{ID: id.ChannelID, Title: "Group", Photo: &tg.ChatPhotoEmpty{}}
				channel.SetAccessHash(accessHash)
				answer.Chats = append(answer.Chats, channel)
			}
		}
	}
	return answer, nil
}

func (c *call) resolveUsername(r *tg.ContactsResolveUsernameRequest) (bin.Encoder, error) {
	if _, err := c.me(); err != nil {
		return nil, err
	}
	for _, a := range c.accounts {
		leads := func(name string) bool { return strings.EqualFold(name, r.Username) }
		if r.Username != "" && (leads(a.Username) || slices.ContainsFunc(a.MoreUsernames, leads)) {
			return &tg.ContactsResolvedPeer{Peer: &tg.PeerUser{UserID: a.ID}, Users: []tg.UserClass{c.user(a, false)}}, nil
		}
	}
	return nil, tgerr.New(400, "USERNAME_NOT_OCCUPIED")
}

func (c *call) saveFilePart(r *tg.UploadSaveFilePartRequest) (bin.Encoder, error) {
	if _, err := c.me(); err != nil {
		return nil, err
	}
	c.files[r.FileID] = append(c.files[r.FileID], r.Bytes...)
	return &tg.BoolTrue{}, nil
}

func (c *call) sendMessage(r *tg.MessagesSendMessageRequest) (bin.Encoder, error) {
	return c.deliver(r.Peer, Sent{
		RandomID: r.RandomID, Text: r.Message, Entities: r.Entities, Markup: r.ReplyMarkup, Silent: r.Silent, Preview: !r.NoWebpage,
	})
}

func (c *call) sendMedia(r *tg.MessagesSendMediaRequest) (bin.Encoder, error) {
	document, ok := r.Media.(*tg.InputMediaUploadedDocument)
	if !ok {
		return nil, tgerr.New(400, "MEDIA_INVALID")
	}
	file, ok := document.File.(*tg.InputFile)
	if !ok {
		return nil, tgerr.New(400, "MEDIA_INVALID")
	}
	return c.deliver(r.Peer, Sent{
		RandomID: r.RandomID, Text: r.Message, Entities: r.Entities, Markup: r.ReplyMarkup, Silent: r.Silent,
		File: c.files[file.ID], FileName: file.Name,
	})
}

// deliver delivers a message, once per random id.
func (c *call) deliver(peer tg.InputPeerClass, m Sent) (bin.Encoder, error) {
	me, err := c.me()
	if err != nil {
		return nil, err
	}
	m.From, m.At = me.ID, time.Now()
	switch peer := peer.(type) {
	case *tg.InputPeerUser:
		a, ok := c.accounts[peer.UserID]
		if !ok || a.AccessHash != peer.AccessHash {
			return nil, tgerr.New(400, "PEER_ID_INVALID")
		}
		m.To = a.ID
	case *tg.InputPeerChat:
		m.To = -peer.ChatID
		if _, ok := c.groups[m.To]; !ok {
			return nil, tgerr.New(400, "CHAT_ID_INVALID")
		}
	case *tg.InputPeerChannel:
		m.To = channelIDBase - peer.ChannelID
		if accessHash, ok := c.groups[m.To]; !ok || accessHash != peer.AccessHash {
			return nil, tgerr.New(400, "CHANNEL_INVALID")
		}
	default:
		return nil, tgerr.New(400, "PEER_ID_INVALID")
	}
	if me.Token == "" && m.Markup != nil {
		return nil, tgerr.New(400, "REPLY_MARKUP_INVALID") // a person cannot send buttons
	}
	if id := [2]int64{me.ID, m.RandomID}; m.RandomID == 0 || c.seen[id] {
		return nil, tgerr.New(500, "RANDOM_ID_DUPLICATE")
	} else {
		c.seen[id] = true
	}
	c.sent = append(c.sent, m)
	return &tg.UpdateShortSentMessage{ID: len(c.sent), Date: int(time.Now().Unix())}, nil
}

// Rename gives an account another username, "" for none.
func (s *Telegram) Rename(id int64, username string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id].Username = username
}

// AddUsername gives an account one more username.
func (s *Telegram) AddUsername(id int64, username string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[id].MoreUsernames = append(s.accounts[id].MoreUsernames, username)
}
