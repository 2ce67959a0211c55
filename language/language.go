// Package language holds what people read in Telegram, in every language: one catalogue each (en.toml, de.toml, …), read once at
// start. Rooms ask for a text by its key and fill in values; nothing of a value is ever read as markup.
package language

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	tags "golang.org/x/text/language"

	"telegate/delivery"
)

//go:embed *.toml
var files embed.FS

// English is the language of last resort, and the reference for all others.
const English = "en"

// codes are the languages that there are, sorted.
var codes = func() []string {
	entries, _ := files.ReadDir(".") // embedded: it cannot fail
	list := make([]string, len(entries))
	for i, e := range entries {
		list[i] = strings.TrimSuffix(e.Name(), ".toml")
	}
	return list
}()

// Codes lists the languages that there are by their ISO 639-1 codes, sorted.
func Codes() []string { return slices.Clone(codes) }

// Pick chooses the language to speak to somebody: what the call has asked for, else what the person's Telegram is set to, else the
// domain's, else English. Each may be empty, a BCP 47 tag, or several as an Accept-Language header has them, the best first. Only the
// language in a tag counts (pt-BR is pt): the rest is no standard's everywhere, as in Telegram's de-raw and MeshCentral's zh-chs. One
// that is unknown counts as none.
func Pick(call, person, domain string) string {
	for _, wish := range []string{call, person, domain} {
		for tag := range strings.SplitSeq(wish, ",") {
			tag = strings.ToLower(strings.TrimSpace(tag))
			if end := strings.IndexAny(tag, "-_.@;"); end >= 0 { // the middle three are a POSIX locale's
				tag = tag[:end]
			}
			if slices.Contains(codes, tag) {
				return tag
			}
		}
	}
	return English
}

// Catalogues are the texts of all languages in one domain, by code. Each language is read when somebody speaks it first, so that
// starting costs nothing.
type Catalogues map[string]func() *Words

// Words are the texts of one language in one domain. They may be used from any number of goroutines.
type Words struct {
	code        string
	rightToLeft bool
	messages    []*i18n.Message
	localizer   *i18n.Localizer
}

// New makes the catalogues.
func New() Catalogues {
	c := Catalogues{}
	for _, code := range codes {
		c[code] = sync.OnceValue(func() *Words { return read(code) })
	}
	return c
}

// read reads a catalogue. They are a part of the program: tests find the fault of each before it could panic here.
func read(code string) *Words {
	name := code + ".toml"
	data, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	file, err := i18n.ParseMessageFileBytes(data, name, map[string]i18n.UnmarshalFunc{"toml": toml.Unmarshal})
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return newWords(file.Tag, file.Messages)
}

func newWords(tag tags.Tag, messages []*i18n.Message) *Words {
	bundle := i18n.NewBundle(tag)
	bundle.MustAddMessages(tag, messages...)
	script, _ := tag.Script()
	return &Words{
		code: tag.String(), messages: messages, localizer: i18n.NewLocalizer(bundle, tag.String()),
		rightToLeft: script.String() == "Arab" || script.String() == "Hebr",
	}
}

// With puts an operator's own texts, by language and key, in the place of some. Each has passed Check.
func (c Catalogues) With(own map[string]map[string]string) Catalogues {
	all := maps.Clone(c)
	for code, texts := range own {
		all[code] = sync.OnceValue(func() *Words {
			standard := c[code]()
			messages := slices.Clone(standard.messages)
			for i, m := range messages {
				if text, ok := texts[m.ID]; ok {
					messages[i] = &i18n.Message{ID: m.ID, Other: text}
				}
			}
			return newWords(tags.Make(code), messages)
		})
	}
	return all
}

// Values are what a text shows for its placeholders. Wherever they come from, they are made safe to show, and cut to 256 characters.
type Values map[string]string

// Code is the language.
func (w *Words) Code() string { return w.code }

// Say writes a text. A key that the catalogues lack is a mistake of the program, which a test finds for all of them.
func (w *Words) Say(key string, values Values) delivery.Text { return w.say(key, values, nil) }

// Short is Say for what takes no formatting: labels of buttons, descriptions of commands.
func (w *Words) Short(key string, values Values) string { return w.say(key, values, nil).Text }

// say is Say in the form that the language has for a count, where there is one.
func (w *Words) say(key string, values Values, count any) delivery.Text {
	r := rendering{values: values, rightToLeft: w.rightToLeft}
	_, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: key, PluralCount: count, TemplateData: &r, TemplateParser: parser{}})
	if err != nil {
		panic(fmt.Sprintf("language %s: %v", w.code, err))
	}
	return r.text
}
