package sandbox

import (
	"errors"
	"strings"
)

// RevokeToken gives a bot another token, as /revoke at @BotFather does: the old one is refused from here on. The new one must be of the
// same number.
func (t *Telegram) RevokeToken(bot, token string) error {
	if !tokenShape.MatchString(token) {
		return errors.New("revoke token: the new one does not look like one from BotFather (123456789:AA…)")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b, err := t.botNamed(bot)
	if err != nil {
		return err
	}
	if id, _, _ := strings.Cut(b.Token, ":"); !strings.HasPrefix(token, id+":") {
		return errors.New("revoke token: the new one is another bot's")
	}
	delete(t.byToken, b.Token)
	b.Token = token
	t.byToken[token] = b
	return nil
}
