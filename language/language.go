// Package language holds what people read in Telegram, in every language: one catalogue each (en.toml, de.toml, …), read once at
// start. Rooms ask for a text by its key and fill in values; nothing of a value is ever read as markup.
package language

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
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

// File is the catalogue of a language as it is written; false where there is none.
func File(code string) ([]byte, bool) {
	data, err := files.ReadFile(code + ".toml")
	return data, err == nil
}

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
	sentences   map[string]sentence // of the messages, by key
	localizer   *i18n.Localizer     // for those that count
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
	w := &Words{
		code: tag.String(), messages: messages, sentences: map[string]sentence{}, localizer: i18n.NewLocalizer(bundle, tag.String()),
		rightToLeft: script.String() == "Arab" || script.String() == "Hebr",
	}
	for _, m := range messages {
		w.sentences[m.ID] = mustParse(w.code, m.ID, m.Other)
	}
	return w
}

// With puts an operator's own texts, by language and key, in the place of some. Each has passed Check.
func (c Catalogues) With(own map[string]map[string]string) Catalogues {
	all := maps.Clone(c)
	for code, texts := range own {
		all[code] = sync.OnceValue(func() *Words {
			w := *c[code]()
			w.sentences = maps.Clone(w.sentences)
			for key, text := range texts {
				w.sentences[key] = mustParse(code, key, text)
			}
			return &w
		})
	}
	return all
}

func mustParse(code, key, text string) sentence {
	s, err := parse(text)
	if err != nil {
		panic(fmt.Sprintf("language %s: %s %v", code, key, err))
	}
	return s
}

// Values are what a text shows for its placeholders. Wherever they come from, they are made safe to show, and cut to 256 characters.
type Values map[string]string

// Code is the language.
func (w *Words) Code() string { return w.code }

// Say writes a text. A key that the catalogues lack is a mistake of the program, which a test finds for all of them.
func (w *Words) Say(key string, values Values) delivery.Text {
	s, ok := w.sentences[key]
	if !ok {
		panic(fmt.Sprintf("language %s: there is no text %q", w.code, key))
	}
	return s.render(values, w.rightToLeft)
}

// Short is Say for what takes no formatting: labels of buttons, descriptions of commands.
func (w *Words) Short(key string, values Values) string { return w.Say(key, values).Text }

// count says a number of something, in the form that the language has for it.
func (w *Words) count(key string, n int) string {
	text, err := w.localizer.Localize(&i18n.LocalizeConfig{
		MessageID: key, PluralCount: n, TemplateParser: template.IdentityParser{},
	})
	if err != nil {
		panic(fmt.Sprintf("language %s: %v", w.code, err))
	}
	return strings.ReplaceAll(text, "{count}", strconv.Itoa(n))
}
