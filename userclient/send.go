//go:build !nomtproto

package userclient

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"

	"telegate/delivery"
)

// Send sends one part and returns when Telegram has accepted it. Every error is a *delivery.SendError.
//
// The same part of the same message has the same random id in every try, so that a try after a lost answer delivers nothing
// twice. Send waits out a flood wait of up to 3 s for a code and 10 s for other messages; a longer one is an error of
// Class Flood with the time. A person's account sends no buttons, no broadcasts, nothing to groups, and at most its daily cap.
func (c *Client) Send(ctx context.Context, to delivery.Recipient, part delivery.Part) error {
	if err := c.send(ctx, to, part); err != nil {
		return c.sendError(ctx, err)
	}
	return nil
}

func (c *Client) send(ctx context.Context, to delivery.Recipient, part delivery.Part) error {
	if c.bot == 0 {
		if err := c.checkAllowed(to); err != nil {
			return err
		}
	}
	wait := maxWait
	if to.Lane == delivery.LaneCode {
		wait = maxCodeWait
	}
	ctx = withSender(ctx, sender{c.o.Now().Add(wait), to.Lane})
	// The middleware handles flood waits: it waits out short ones.
	if s := c.status.await(ctx, wait); s.State != StateConnected && (s.State != StateFloodWait || c.api.Load() == nil) {
		return c.notConnected(s)
	}
	api := c.api.Load()
	if api == nil {
		return c.notConnected(c.Status())
	}
	peer, err := c.inputPeer(ctx, api, to.ChatID)
	if err != nil {
		return err
	}
	if c.bot == 0 {
		part.Text, part.Buttons = withoutButtons(part, c.o.BotName(to.BotID)), nil
	}
	err = c.deliver(ctx, api, peer, to, part)
	if to.ChatID > 0 && tgerr.Is(err, "PEER_ID_INVALID", "USER_ID_INVALID") {
		// The access hash belongs to another session. The next try asks again.
		if ferr := c.forgetPeer(ctx, to.ChatID); ferr != nil {
			return ferr
		}
		return refusal(delivery.Transient, delivery.ReasonUnreachable, sayTrouble, err)
	}
	return err
}

// checkAllowed refuses messages that would make Telegram limit a person's account.
func (c *Client) checkAllowed(to delivery.Recipient) error {
	switch {
	case to.Lane == delivery.LaneBroadcast && !c.o.Broadcasts:
		return refusal(delivery.MessagePermanent, delivery.ReasonLimited, sayBroadcast, errors.New("a broadcast through a person's account"))
	case to.ChatID <= 0:
		return refusal(delivery.RecipientPermanent, delivery.ReasonNoRights, sayGroup, errors.New("a group through a person's account"))
	case to.Lane == delivery.LaneBroadcast:
		return c.daily.checkBroadcasts()
	}
	return nil
}

// deliver makes the call that sends the message.
func (c *Client) deliver(ctx context.Context, api *tg.Client, peer tg.InputPeerClass, to delivery.Recipient, part delivery.Part) error {
	id, format, markup := randomID(to.MessageID, to.Part), entities(part.Text.Entities), keyboard(part.Buttons)
	var err error
	if part.File == nil {
		_, err = api.MessagesSendMessage(ctx, &tg.MessagesSendMessageRequest{
			Peer: peer, Message: part.Text.Text, Entities: format, ReplyMarkup: markup, RandomID: id, Silent: to.Silent, NoWebpage: true,
		})
	} else {
		media, uerr := uploadFile(ctx, api, *part.File)
		if uerr != nil {
			return notSent(uerr)
		}
		_, err = api.MessagesSendMedia(ctx, &tg.MessagesSendMediaRequest{
			Peer: peer, Media: media, Message: part.Text.Text, Entities: format, ReplyMarkup: markup, RandomID: id, Silent: to.Silent,
		})
	}
	if tgerr.Is(err, "RANDOM_ID_DUPLICATE") {
		return nil // an earlier try has succeeded
	}
	return err
}

// Deduplicates implements delivery.Deduplicator: Telegram knows a repeated message by its random id.
func (c *Client) Deduplicates() bool { return true }

// randomID derives the number by which Telegram recognizes a repeated message. Without a message id it is random.
func randomID(message string, part int) int64 {
	var b [8]byte
	if message == "" {
		rand.Read(b[:])
	} else {
		sum := sha256.Sum256(fmt.Appendf(nil, "telegate random id %s %d", message, part))
		copy(b[:], sum[:])
	}
	if b == [8]byte{} {
		b[0] = 1 // Telegram refuses 0
	}
	return int64(binary.LittleEndian.Uint64(b[:]))
}

// uploadPart is the size of a file part per call (core.telegram.org/api/files: 1 KB to 512 KB, a divisor of 512 KB).
const uploadPart = 512 << 10

// uploadFile uploads a file for the next message.
func uploadFile(ctx context.Context, api *tg.Client, f delivery.File) (tg.InputMediaClass, error) {
	id := randomID("", 0)
	parts := 0
	for r := bytes.NewReader(f.Content); r.Len() > 0; parts++ {
		chunk := make([]byte, min(r.Len(), uploadPart))
		if _, err := r.Read(chunk); err != nil {
			return nil, err
		}
		if _, err := api.UploadSaveFilePart(ctx, &tg.UploadSaveFilePartRequest{FileID: id, FilePart: parts, Bytes: chunk}); err != nil {
			return nil, fmt.Errorf("upload file: %w", err)
		}
	}
	return &tg.InputMediaUploadedDocument{
		File: &tg.InputFile{ID: id, Parts: parts, Name: f.Name}, ForceFile: true, MimeType: "text/plain; charset=utf-8",
		Attributes: []tg.DocumentAttributeClass{&tg.DocumentAttributeFilename{FileName: f.Name}},
	}, nil
}

// withoutButtons is the text for an account that cannot send buttons. If there is room, a line for each button follows: its
// URL, or a link that opens the bot and acts as the button. Copy buttons are left out: the text shows their content in
// monospace, and a tap copies that.
func withoutButtons(part delivery.Part, bot string) delivery.Text {
	text, limit := part.Text, delivery.MaxUnits
	if part.File != nil {
		limit = delivery.MaxCaptionUnits
	}
	for _, row := range part.Buttons {
		for _, b := range row {
			address := b.URL
			if payload := b.StartPayload(); payload != "" && bot != "" {
				address = "https://t.me/" + bot + "?start=" + payload
			}
			if longer := text.Plain("\n" + b.Label + ": " + address); address != "" && longer.Units() <= limit {
				text = longer
			}
		}
	}
	return text
}

// keyboard is nil without buttons.
func keyboard(rows [][]delivery.Button) tg.ReplyMarkupClass {
	var k tg.ReplyInlineMarkup
	for _, row := range rows {
		var line tg.KeyboardInlineButtonRow
		for _, b := range row {
			button := tg.KeyboardInlineButton{Text: b.Label}
			switch {
			case b.URL != "":
				button.Type = &tg.InlineButtonTypeURL{URL: b.URL}
			case b.Copy != "":
				button.Type = &tg.InlineButtonTypeCopy{CopyText: b.Copy}
			default:
				button.Type = &tg.InlineButtonTypeCallback{Data: []byte(b.Callback)}
			}
			if b.Style != "" {
				button.SetStyle(tg.KeyboardButtonStyle{BgPrimary: b.Style == "primary", BgDanger: b.Style == "danger", BgSuccess: b.Style == "success"})
			}
			line.Buttons = append(line.Buttons, button)
		}
		if len(line.Buttons) > 0 {
			k.Rows = append(k.Rows, line)
		}
	}
	if len(k.Rows) == 0 {
		return nil
	}
	return &k
}

// entities converts the formatting. An unknown kind is left out; its text stays.
func entities(all []delivery.Entity) []tg.MessageEntityClass {
	var list []tg.MessageEntityClass
	for _, e := range all {
		if one := entity(e); one != nil {
			list = append(list, one)
		}
	}
	return list
}

func entity(e delivery.Entity) tg.MessageEntityClass {
	at, n := e.Offset, e.Length
	switch e.Type {
	case delivery.EntityBold:
		return &tg.MessageEntityBold{Offset: at, Length: n}
	case delivery.EntityItalic:
		return &tg.MessageEntityItalic{Offset: at, Length: n}
	case delivery.EntityUnderline:
		return &tg.MessageEntityUnderline{Offset: at, Length: n}
	case delivery.EntityStrikethrough:
		return &tg.MessageEntityStrike{Offset: at, Length: n}
	case delivery.EntitySpoiler:
		return &tg.MessageEntitySpoiler{Offset: at, Length: n}
	case delivery.EntityBlockquote, delivery.EntityExpandableBlockquote:
		return &tg.MessageEntityBlockquote{Offset: at, Length: n, Collapsed: e.Type == delivery.EntityExpandableBlockquote}
	case delivery.EntityCode:
		return &tg.MessageEntityCode{Offset: at, Length: n}
	case delivery.EntityPre:
		return &tg.MessageEntityPre{Offset: at, Length: n, Language: e.Language}
	case delivery.EntityTextLink:
		return &tg.MessageEntityTextURL{Offset: at, Length: n, URL: e.URL}
	case delivery.EntityCustomEmoji:
		if id, err := strconv.ParseInt(e.CustomEmojiID, 10, 64); err == nil {
			return &tg.MessageEntityCustomEmoji{Offset: at, Length: n, DocumentID: id}
		}
	case delivery.EntityDateTime:
		f := e.DateTimeFormat
		return &tg.MessageEntityFormattedDate{
			Offset: at, Length: n, Date: int(e.UnixTime), Relative: strings.ContainsAny(f, "rR"), DayOfWeek: strings.Contains(f, "w"),
			ShortDate: strings.Contains(f, "d"), LongDate: strings.Contains(f, "D"), ShortTime: strings.Contains(f, "t"), LongTime: strings.Contains(f, "T"),
		}
	}
	return nil
}
