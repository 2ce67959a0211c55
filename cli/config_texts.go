package cli

import (
	"strings"

	"telegate/internal/exit"
	"telegate/language"
)

type configTextsCmd struct {
	Language string `arg:"" default:"en" help:"The code of the language, such as de or pt."`
}

// Help implements kong.HelpProvider.
func (configTextsCmd) Help() string {
	return `The languages are ` + strings.Join(language.Codes(), ", ") + `. The English file has explanations.

    telegate config texts de

To change a text, add it to the configuration, in a section of the domain:

    [domains.corp.texts.de.report]
    login = "Die Anmeldung wurde verhindert. Jemand kennt Ihr Passwort für {title}. Rufen Sie die IT an: 4711. Für {time} kommen keine Codes."`
}

// Run prints a catalogue.
func (c configTextsCmd) Run(env *Env) error {
	texts, ok := language.File(c.Language)
	if !ok {
		return exit.Usagef("there is no language %q; there are %s", c.Language, strings.Join(language.Codes(), ", "))
	}
	_, err := env.Stdout.Write(texts)
	return err
}
