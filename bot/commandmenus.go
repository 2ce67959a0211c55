package bot

import (
	"context"
	"sync"

	"telegate/language"
)

// commandMenus remembers the command menus that were sent to Telegram: the default one (empty code), and one for each language
// a user has come with. Setting all languages at each start would take fifteen calls per bot.
type commandMenus struct {
	mu  sync.Mutex
	set map[string]bool // set or being set, by language; guarded by mu
}

// PublishCommands sets the bot's default command menu in the background. After a failure the next connection sets it again.
func (h *UpdateHandler) PublishCommands() { h.setCommands("") }

// publishCommandsIn sets the command menu in a user's language, once per language.
func (h *UpdateHandler) publishCommandsIn(tag string) {
	code := language.Pick(tag, "", "") // English for languages without a catalogue; those users see the default menu anyway
	h.menus.mu.Lock()
	known := h.menus.set[code]
	h.menus.set[code] = true
	h.menus.mu.Unlock()
	if !known {
		h.setCommands(code)
	}
}

func (h *UpdateHandler) setCommands(code string) {
	h.callbacks.busy.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), callbackTimeout)
		defer cancel()
		if err := h.client.SetCommands(ctx, code, commandMenu(h.words(code))); err != nil {
			h.log.Debug("cannot set the command menu", "language", code, "error", err)
			h.menus.mu.Lock()
			delete(h.menus.set, code) // the next user with this language triggers another try
			h.menus.mu.Unlock()
		}
	})
}
