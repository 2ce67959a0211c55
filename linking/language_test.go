package linking_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/servicetest"
	"telegate/linking"
)

// The caller knows best what the person at its page reads; where it does not say, the person's Telegram does.
func TestALinkIsSpokenOfInTheCallsLanguageElseThePersons(t *testing.T) {
	carlos := linking.Chat{BotID: botID, ID: 5009, Type: "private", FirstName: "Carlos", Language: "es"}
	for _, tt := range []struct{ locale, question, code, connected, ended string }{
		{"", "¿Vincular este chat", " es el código para vincular", "Vinculado.", "Desvinculado."},
		{"de-CH", "Diesen Telegram-Chat", " ist der Code, um", "Verbunden.", "Getrennt."},
		{"tlh, fr;q=0.5", "Associer cette discussion", " est le code pour associer", "Association réussie.", "Dissocié."},
		{"tlh", "¿Vincular este chat", " es el código para vincular", "Vinculado.", "Desvinculado."},
	} {
		w := newWorld(t)
		l, token := w.start(linking.StartRequest{User: "carlos", Locale: tt.locale})
		w.claim(carlos, token)
		w.wantLast(carlos, tt.question, "accept:"+l.ID, "notme:"+l.ID)
		w.accept(carlos, l)
		code := w.code(carlos)
		w.wantLast(carlos, code+tt.code, "notme:"+l.ID)
		w.wantConfirm(l, code, "", linking.ResultVerified, 4)
		w.wantLast(carlos, tt.connected, "notme:"+l.ID)
		w.NoError("unlink", w.links.Unlink(t.Context(), "", "carlos"))
		w.wantLast(carlos, tt.ended)
	}
}

// Whoever comes with somebody else's token learns not even the language of the one it is for.
func TestAForeignTokenIsAnsweredInTheReadersLanguageAlone(t *testing.T) {
	w := newWorld(t)
	_, token := w.start(linking.StartRequest{User: "alice", Locale: "ja"})
	w.claim(alice, token)
	stranger := linking.Chat{BotID: botID, ID: 5010, Type: "private", FirstName: "Ivo", Language: "nl"}
	w.claim(stranger, token)
	w.wantLast(stranger, "Deze link kan niet (meer) worden gebruikt")
	known := w.last(stranger).Body
	w.claim(stranger, "unknown")
	if diff := cmp.Diff(w.last(stranger).Body, known); diff != "" {
		t.Errorf("the answer tells a known token from an unknown one (-unknown +known):\n%s", diff)
	}
}

// A user session shows no buttons, so nothing it says names one, in no language.
func TestWithoutButtonsNoTextNamesOne(t *testing.T) {
	for code, words := range servicetest.Catalogues {
		w := newWorld(t)
		w.domains.ids[""] = delivery.UserSession
		chat := linking.Chat{BotID: delivery.UserSession, ID: 5011, Type: "private", Username: "dora_tg", FirstName: "Dora"}
		w.NoError("met", w.links.ChatStarted(t.Context(), chat))
		s, err := w.links.Start(t.Context(), linking.StartRequest{User: "dora", Handle: "@dora_tg", Locale: code})
		w.NoError("start", err)
		w.wantConfirm(s.Link, w.code(chat), "", linking.ResultVerified, 4)
		for _, m := range w.chat(chat) {
			text := m.Body.Parts[0].Text.Text
			for _, no := range []string{words().Short("button.not_me", nil), "/status", "/unlink"} {
				if strings.Contains(text, no) {
					t.Errorf("%s: %q names %s", code, text, no)
				}
			}
		}
	}
}
