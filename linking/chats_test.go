package linking_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"telegate/internal/audit"
	"telegate/linking"
	"telegate/twofa"
)

// "kicked" suspends what hangs on the chat, "member" or /start brings it back.
func TestBlockingTheBotSuspendsAndComingBackResumes(t *testing.T) {
	for name, back := range map[string]func(w *world) error{
		"unblocked":       func(w *world) error { return w.links.ChatStarted(w.T.Context(), alice) },
		"wrote something": func(w *world) error { return w.links.UpdateChat(w.T.Context(), alice) },
		"opened a link":   func(w *world) error { return w.links.Claim(w.T.Context(), alice, "whatever") },
		"under a new name": func(w *world) error {
			c := alice
			c.Username = "alice_new"
			return w.links.UpdateChat(w.T.Context(), c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l, second, bobs := w.link("", "alice", alice), w.link("", "alice2", alice), w.link("", "bob", bob)
			for range 2 { // updates may be handled twice
				w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
				w.wantStatus(l, linking.Suspended, linking.ReasonBlocked)
				w.wantStatus(second, linking.Suspended, linking.ReasonBlocked)
				w.wantStatus(bobs, linking.Verified, "")
			}
			for range 2 {
				w.NoError("come back", back(w))
				w.wantStatus(l, linking.Verified, "")
				w.wantStatus(second, linking.Verified, "")
			}
			want := []string{"link.started bot", "link.claimed", "link.verified bot", "link.suspended blocked", "link.resumed"}
			if diff := cmp.Diff(want, w.trail("", "alice")); diff != "" {
				t.Errorf("audit (-want +got):\n%s", diff)
			}
		})
	}
}

// The two suspensions do not heal each other: Start in the chat is no proof after too many wrong codes.
func TestComingBackDoesNotLiftASuspensionForFailures(t *testing.T) {
	w := newWorld(t)
	l := w.link("", "alice", alice)
	w.NoError("suspend", w.DB.UpdateVerifications(t.Context(), func(tx twofa.Tx) error {
		return tx.SaveFactor(twofa.Factor{LinkID: l.ID, Suspended: true, Failures: twofa.SuspendAt})
	}))
	w.wantStatus(l, linking.Suspended, linking.ReasonTooManyFailures)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.wantStatus(l, linking.Suspended, linking.ReasonTooManyFailures)
	w.NoError("start", w.links.ChatStarted(t.Context(), alice))
	w.NoError("seen", w.links.UpdateChat(t.Context(), alice))
	w.wantStatus(l, linking.Suspended, linking.ReasonTooManyFailures)
	if n := w.count("", "alice", audit.LinkResumed); n != 0 {
		t.Errorf("audit: %v", w.trail("", "alice"))
	}
	again := w.link("", "alice", alice) // NIST 3.2.2: bound anew
	w.wantStatus(l, linking.Revoked, linking.ReasonRenewed)
	w.wantStatus(again, linking.Verified, "")
}

// Strangers leave no row behind.
func TestOnlyWhoHasPressedStartIsKnown(t *testing.T) {
	w := newWorld(t)
	known := func(chat linking.Chat) bool {
		t.Helper()
		k, err := w.links.ChatKnown(t.Context(), chat.BotID, chat.ID)
		w.NoError("known", err)
		return k
	}
	store := &countingStore{Store: w.DB}
	links := w.service(store)
	w.NoError("seen", links.UpdateChat(t.Context(), alice))
	w.NoError("block", links.ChatBlocked(t.Context(), botID, alice.ID))
	if store.rows != 0 || known(alice) {
		t.Errorf("a stranger has left %d rows", store.rows)
	}
	w.NoError("met", links.ChatStarted(t.Context(), alice))
	if !known(alice) || known(bob) || known(linking.Chat{BotID: otherBot, ID: alice.ID}) {
		t.Error("alice has met this bot, and nobody has met anybody else")
	}
	store.rows = 0
	w.NoError("seen", links.UpdateChat(t.Context(), alice))
	if store.rows != 0 {
		t.Errorf("what has not changed was written again")
	}
}

func TestAGroupThatBecomesASupergroupKeepsItsLinks(t *testing.T) {
	w := newWorld(t)
	group := linking.Chat{BotID: botID, ID: -500, Type: "group", FirstName: "Admins"}
	w.NoError("met", w.links.ChatStarted(t.Context(), group))
	w.NoError("migrated", w.links.ChatMigrated(t.Context(), botID, -500, -100500))
	for id, want := range map[int64]bool{-500: false, -100500: true} {
		if known, err := w.links.ChatKnown(t.Context(), botID, id); err != nil || known != want {
			t.Errorf("chat %d is known: %v, %v, want %v", id, known, err, want)
		}
	}
}
