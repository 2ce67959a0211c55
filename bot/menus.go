package bot

import (
	"context"
	"sync"

	"telegate/language"
)

// menus are the menus of commands that Telegram has been given: one for each language, and one for people with any other.
type menus struct {
	mu  sync.Mutex // held while they are set, so that two connections do not do it twice
	set map[string]bool
}

// Introduce sets the bot's menus of commands, beside the work. A failure is no matter: the next connection sets what is missing.
func (d *Desk) Introduce() {
	d.taps.busy.Go(func() {
		d.menus.mu.Lock()
		defer d.menus.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), tapTimeout)
		defer cancel()
		for _, code := range append([]string{""}, language.Codes()...) {
			if d.menus.set[code] {
				continue
			}
			if err := d.client.SetCommands(ctx, code, menu(d.words(code))); err != nil {
				d.log.Debug("the menu of commands was not set", "language", code, "error", err)
				return
			}
			d.menus.set[code] = true
		}
	})
}
