package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"telegate/api"
	"telegate/sandbox"
)

// speaks is a further person, whose Telegram is in a language.
func (w *world) speaks(name, code string) {
	w.telegram.AddPerson(sandbox.Person{FirstName: name, Username: strings.ToLower(name) + "_tg", LanguageCode: code})
}

// linkIn is link for somebody who reads another language than English; locale is what the caller asks for.
func (w *world) linkIn(domain, name, locale string) {
	w.t.Helper()
	var started api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{Domain: domain, User: name, Locale: locale}, &started)
	after := w.last(name)
	if err := w.telegram.Open(w.person(name).ID, started.StartURL); err != nil {
		w.t.Fatal(err)
	}
	question := w.message(name, name, after)
	w.tap(name, question, question.Buttons[0][0].Text)
	code := w.code(w.message(name, name, question.ID))
	var c api.Confirmation
	w.want(http.StatusOK, "POST", "/v1/links/"+started.ID+"/confirm", api.ConfirmLink{Code: code}, &c)
	if !c.Verified {
		w.t.Fatalf("the link was not verified: %+v", c)
	}
	w.message(name, "/unlink", question.ID)
}

// say writes to the bot and answers what it says.
func (w *world) say(name, text string) string {
	w.t.Helper()
	after := w.last(name)
	if _, err := w.telegram.Say(w.person(name).ID, testBot, text); err != nil {
		w.t.Fatal(err)
	}
	return w.message(name, "", after).Text
}

// The call's locale goes before the person's Telegram, and that before the domain's language.
func TestPeopleReadTheirLanguageEverywhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.toml = "[domains.corp.texts.de.mute]\nended = \"Ruhe vorbei.\""
	w.startText(strings.NewReplacer(
		"title = \"My Server\"", "title = \"My Server\"\nlanguage = \"fr\"",
		"title = \"Corp\"", "title = \"Corp\"\nlanguage = \"nl\"",
	).Replace(w.configText("127.0.0.1:0")))
	w.connected()
	w.speaks("Dieter", "de")
	w.speaks("Nadia", "")
	w.speaks("Klaus", "tlh")

	code := func(name, locale, session, want string) {
		t.Helper()
		after := w.last(name)
		login := loginOf(name, session)
		login.Locale = locale
		w.want(http.StatusCreated, "POST", "/v1/verifications", login, nil)
		if m := w.message(name, "", after); !strings.Contains(m.Text, want) || w.code(m) == "" {
			t.Errorf("%s, asked for in %q, reads %q, want %q", name, locale, m.Text, want)
		}
	}
	w.linkIn("", "Dieter", "")
	code("Dieter", "", "a", " ist Ihr Anmeldecode für My Server.\n\nEr gilt einmal, 5 Minuten lang,")
	code("Dieter", "ja-JP", "b", " は My Server のログインコードです。")
	w.linkIn("", "Nadia", "")
	code("Nadia", "", "a", " est votre code de connexion pour My Server.")
	w.linkIn("", "Klaus", "pt-BR")
	code("Klaus", "no such language at all", "a", " est votre code de connexion pour My Server.")

	for _, c := range []struct{ name, say, want string }{
		{"Dieter", "/status", "Mit diesem Chat verbunden:\n• Dieter auf My Server: Anmeldecodes und Nachrichten\n\n/unlink trennt"},
		{"Dieter", "/help", "\n/mute – Eine Weile keine Nachrichten"},
		{"Dieter", "/mute 2h", "Stummgeschaltet bis "},
		{"Dieter", "/unmute", "Nachrichten kommen wieder an."},
		{"Nadia", "/test", "Ceci est un message de test."},
		{"Klaus", "/id", "L'identifiant de cette discussion est "},
	} {
		if got := w.say(c.name, c.say); !strings.Contains(got, c.want) {
			t.Errorf("%s says %s and reads %q, want %q", c.name, c.say, got, c.want)
		}
	}

	long := strings.Repeat("Der ganze Text. ", 2000)
	if parts := w.delivered("Dieter", api.SendMessage{User: "Dieter", Text: long}); !strings.HasSuffix(parts[0].Text, "…\n\nDer ganze Text steht in der angehängten Datei.") {
		t.Errorf("the caption ends with %q", parts[0].Text[len(parts[0].Text)-100:])
	}
	after := w.last("Nadia")
	w.want(http.StatusAccepted, "POST", "/v1/broadcasts", api.CreateBroadcast{Users: []string{"Nadia"}, Text: long}, nil)
	w.message("Nadia", "Le texte complet se trouve dans le fichier joint.", after)
}

// The menu for everybody is in the domain's language; whoever writes to the bot makes it have one in theirs.
func TestTheMenuOfCommandsIsInThePersonsLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startText(strings.Replace(w.configText("127.0.0.1:0"), "title = \"My Server\"", "title = \"My Server\"\nlanguage = \"tr\"", 1))
	w.connected()
	wantMenu := func(code, first string) {
		t.Helper()
		w.eventually("the menu of "+code+" begins with "+first, func() bool {
			resp, err := http.Get(fmt.Sprintf("%s/bot%s/getMyCommands?language_code=%s", w.botAPI, testToken, code))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var answer struct {
				Result []struct{ Description string }
			}
			if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
				t.Fatal(err)
			}
			return len(answer.Result) == 8 && answer.Result[0].Description == first || first == "" && len(answer.Result) == 0
		})
	}
	wantMenu("", "Bu sohbete nelerin bağlı olduğu")
	w.speaks("Dieter", "de-at")
	w.speaks("Klaus", "tlh")
	wantMenu("de", "")
	w.linkIn("", "Dieter", "")
	if err := w.telegram.Start(w.person("Klaus").ID, testBot, ""); err != nil {
		t.Fatal(err)
	}
	w.say("Dieter", "/help")
	wantMenu("de", "Welche Konten mit diesem Chat verbunden sind")
	wantMenu("", "Bu sohbete nelerin bağlı olduğu")
	wantMenu("fr", "")
	sets := 0
	for _, c := range w.telegram.Calls() {
		if c.Method == "setMyCommands" && c.Params["language_code"] == "de" {
			sets++
		}
	}
	if sets != 1 {
		t.Errorf("the German menu was set %d times, want once", sets)
	}
}

// A tap is answered in the tapper's language.
func TestATapIsAnsweredInThePersonsLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.start()
	w.connected()
	w.speaks("Dieter", "de-at")
	var started api.StartedLink
	w.want(http.StatusCreated, "POST", "/v1/links", api.StartLink{User: "Dieter"}, &started)
	if err := w.telegram.Open(w.person("Dieter").ID, started.StartURL); err != nil {
		t.Fatal(err)
	}
	question := w.message("Dieter", "Diesen Telegram-Chat mit dem Konto Dieter auf My Server verbinden?", 0)
	w.tap("Dieter", question, "Das war ich nicht")
	w.message("Dieter", "Es wurde nichts verbunden.", question.ID)
	w.eventually("the tap is answered", func() bool {
		return w.telegram.Toast(w.person("Dieter").ID, testBot) == "Verstanden. Bitte lesen Sie die nächste Nachricht."
	})
}
