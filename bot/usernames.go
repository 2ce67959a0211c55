package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"telegate/linking"
)

// usernamesTimeout limits getChat, for which other updates of the chat wait.
const usernamesTimeout = 5 * time.Second

// usernames asks Telegram for all usernames of a private chat that lead to it: an account can have several, and an update names only
// the first. It decodes nothing else, because the rest of the answer may be newer than this version.
func (c *Client) usernames(ctx context.Context, chatID int64) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, usernamesTimeout)
	defer cancel()
	body := fmt.Appendf(nil, `{"chat_id":%d}`, chatID)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.token.Load().url+"getChat", bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("getChat: build the request: %w", c.redactor.err(err))
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.calls.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		Result struct {
			Usernames []string `json:"active_usernames"`
		} `json:"result"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, errors.New("getChat: the usernames cannot be read")
	}
	return answer.Result.Usernames, nil
}

// sendWaiting sends the codes that wait for one of the chat's usernames, and reports whether there were any. It asks for further
// usernames only if nothing waits for the first, and not too often; without an answer of Telegram they stay as they are known.
func (h *UpdateHandler) sendWaiting(ctx context.Context, updateID int64, chat linking.Chat) (sent bool, err error) {
	sent, err = h.messages.SendWaiting(ctx, chat.BotID, chat.Username)
	if err != nil || sent || !h.limiter.allow(chat.ID, updateID, lookup) {
		return sent, err
	}
	names, err := h.client.usernames(ctx, chat.ID)
	if err != nil {
		h.log.Debug("the usernames of a chat are not known", "error", err)
		return false, nil
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == "" || strings.EqualFold(name, chat.Username) })
	if err := h.links.SaveMoreUsernames(ctx, chat.BotID, chat.ID, names); err != nil {
		return false, err
	}
	for _, name := range names {
		one, err := h.messages.SendWaiting(ctx, chat.BotID, name)
		if err != nil {
			return sent, err
		}
		sent = sent || one
	}
	return sent, nil
}
