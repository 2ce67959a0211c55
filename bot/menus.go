package bot

import (
	"context"
	"sync"

	"telegate/language"
)

// menus are the menus of commands that Telegram has been given: the bot's own for everybody, under the empty code, and one for each
// language that somebody has come with. All languages at once would be fifteen calls of each bot at each start.
type menus struct {
	mu  sync.Mutex
	set map[string]bool // or about to be; guarded by mu
}

// Introduce sets the bot's menu of commands, beside the work. A failure is no matter: the next connection sets it again.
func (d *Desk) Introduce() { d.setMenu("") }

// introduceTo sets the menu in a person's language, the first time that somebody comes with it.
func (d *Desk) introduceTo(person string) {
	code := language.Pick(person, "", "") // English for those without a catalogue: they see the bot's own menu all the same
	d.menus.mu.Lock()
	known := d.menus.set[code]
	d.menus.set[code] = true
	d.menus.mu.Unlock()
	if !known {
		d.setMenu(code)
	}
}

func (d *Desk) setMenu(code string) {
	d.taps.busy.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tapTimeout)
		defer cancel()
		if err := d.client.SetCommands(ctx, code, menu(d.words(code))); err != nil {
			d.log.Debug("the menu of commands was not set", "language", code, "error", err)
			d.menus.mu.Lock()
			delete(d.menus.set, code) // the next one who comes with it brings another try
			d.menus.mu.Unlock()
		}
	})
}
