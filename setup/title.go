package setup

import (
	"context"

	"telegate/config"
)

// defaultDomain is the section of the default domain, which has the title.
var defaultDomain = []string{"domains", ""}

// askTitle asks what the server is called, unless the configuration says it.
func (w *wizard) askTitle(ctx context.Context) error {
	if w.title = w.Title; w.title != "" || w.titleIsSet() || w.Yes || w.Print {
		return nil
	}
	for {
		title, err := w.Ask(ctx, "\nWhat is your server called? People see it in their codes. [telegate]")
		if err != nil || title == "" {
			return err
		}
		if fault := config.TitleFault(title); fault != "" {
			w.Printf("The name %s.", fault)
			continue
		}
		w.title = title
		return nil
	}
}

func (w *wizard) titleIsSet() bool { return config.HasKey(w.current, defaultDomain, "title") }
