package linking_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"telegate/delivery"
	"telegate/internal/audit"
	"telegate/linking"
)

// NIST 4.3, 4.5 and OWASP ASVS 6.5.6: a lost or unwanted chat is taken away at once, from either side, and is told.
func TestUnlinkingWorksFromBothSides(t *testing.T) {
	for name, unlink := range map[string]func(w *world, l linking.Link) error{
		"by the server": func(w *world, _ linking.Link) error { return w.links.Unlink(w.T.Context(), "", "alice") },
		"in the chat": func(w *world, l linking.Link) error {
			return w.links.UnlinkInChat(w.T.Context(), botID, alice.ID, l.ID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l := w.link("", "alice", alice)
			inCorp := alice
			inCorp.BotID = otherBot
			w.link("corp", "alice", inCorp)
			w.link("", "bob", alice)

			w.NoError("unlink", unlink(w, l))
			w.wantStatus(l, linking.Revoked, linking.ReasonUnlinked)
			w.wantCurrent("", "alice", linking.Chat{})
			w.wantLast(alice, "Disconnected. Codes and messages for the account alice on My Server no longer arrive here.")
			w.wantCurrent("corp", "alice", inCorp) // nobody else loses anything
			w.wantCurrent("", "bob", alice)
			if n := w.count("", "alice", audit.LinkEnded+" revoked: unlinked"); n != 1 {
				t.Errorf("audit: %v", w.trail("", "alice"))
			}

			err := unlink(w, l)
			if !errors.Is(err, linking.ErrNotFound) && !errors.Is(err, linking.ErrStale) {
				t.Errorf("a second time: %v, want ErrNotFound or ErrStale", err)
			}
			w.link("", "alice", alice)
			if err := w.links.UnlinkInChat(t.Context(), botID, alice.ID, l.ID); !errors.Is(err, linking.ErrStale) {
				t.Errorf("the button of the old link: %v, want ErrStale", err)
			}
			w.wantCurrent("", "alice", alice)
		})
	}
}

func TestUnlinkingTakesAlongWhatWasBegunAndTheInvitation(t *testing.T) {
	w := newWorld(t)
	if err := w.links.Unlink(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("nothing to unlink: %v, want ErrNotFound", err)
	}
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantStatus(l, linking.Canceled, linking.ReasonUnlinked)
	w.wantConfirm(l, code, "", linking.ResultCanceled, 5)

	w.NoError("invite", w.links.Invite(t.Context(), "", "alice", "@alice_tg"))
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	if inv, err := w.links.Invitation(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("invitation: %+v, %v, want ErrNotFound", inv, err)
	}
	if err := w.links.Unlink(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("nothing is left: %v, want ErrNotFound", err)
	}
}

// What has shown itself as expired does not turn into something else when the user is unlinked or begins anew.
func TestAnExpiredLinkStaysExpired(t *testing.T) {
	for name, do := range map[string]func(w *world){
		"unlink":      func(w *world) { w.NoError("unlink", w.links.Unlink(w.T.Context(), "", "alice")) },
		"a new start": func(w *world) { w.start(linking.StartRequest{User: "alice"}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			l, _ := w.shown(linking.StartRequest{User: "alice"}, alice)
			w.Clock.Advance(10 * time.Minute)
			w.wantStatus(l, linking.Expired, "")
			do(w)
			w.wantStatus(l, linking.Expired, "")
		})
	}
}

// A clock that is set back keeps no link open for longer.
func TestAnOpenLinkIsOverOnceTheClockWasSetBack(t *testing.T) {
	w := newWorld(t)
	l, code := w.shown(linking.StartRequest{User: "alice"}, alice)
	w.Clock.Advance(-time.Minute)
	w.wantStatus(l, linking.Claimed, "")
	w.Clock.Advance(-time.Millisecond)
	w.wantStatus(l, linking.Expired, "")
	w.wantConfirm(l, code, "", linking.ResultExpired, 5)
}

func TestASuspendedLinkCanBeUnlinked(t *testing.T) {
	w := newWorld(t)
	l := w.link("", "alice", alice)
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, alice.ID))
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantStatus(l, linking.Revoked, linking.ReasonUnlinked)
	w.NoError("start", w.links.ChatStarted(t.Context(), alice))
	w.wantStatus(l, linking.Revoked, linking.ReasonUnlinked)
}

// A handle that an administrator sets is a wish. Nothing goes there until its holder has proven himself.
func TestAnInvitationProvesNothing(t *testing.T) {
	w := newWorld(t)
	w.NoError("met", w.links.ChatStarted(t.Context(), alice))
	w.NoError("invite", w.links.Invite(t.Context(), "", "alice", "https://t.me/Alice_tg"))
	invited := w.Clock.Now()
	w.wantCurrent("", "alice", linking.Chat{})
	inv, err := w.links.Invitation(t.Context(), "", "alice")
	want := linking.Invitation{User: "alice", Handle: "Alice_tg", Created: invited}
	if diff := cmp.Diff(want, inv); err != nil || diff != "" {
		t.Errorf("invitation: %v (-want +got):\n%s", err, diff)
	}
	if messages := w.chat(alice); len(messages) != 0 {
		t.Errorf("an invitation has sent %d messages", len(messages))
	}
	w.Clock.Advance(time.Minute)
	w.NoError("invite anew", w.links.Invite(t.Context(), "", "alice", "bob_tg"))
	if inv, err := w.links.Invitation(t.Context(), "", "alice"); err != nil || inv.Handle != "bob_tg" || !inv.Created.Equal(invited.Add(time.Minute)) {
		t.Errorf("invitation: %+v, %v, want the new one", inv, err)
	}
	w.link("", "alice", alice)
	if _, err := w.links.Invitation(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("invitation after the proof: %v, want ErrNotFound", err)
	}

	for _, handle := range []string{"", "@", "no handle", "-100500"} {
		if err := w.links.Invite(t.Context(), "", "bob", handle); !errors.Is(err, delivery.ErrUsername) {
			t.Errorf("invite %q: %v, want ErrUsername", handle, err)
		}
	}
	if err := w.links.Invite(t.Context(), "elsewhere", "bob", "@bob_tg"); !errors.Is(err, linking.ErrUnknownDomain) {
		t.Errorf("invite in an unknown domain: %v, want ErrUnknownDomain", err)
	}
	if _, err := w.links.Invitation(t.Context(), "", "bob"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("invitation that was refused: %v, want ErrNotFound", err)
	}
}

func TestUsersAreListedInOrderAndFound(t *testing.T) {
	w := newWorld(t)
	w.link("", "carol", linking.Chat{BotID: botID, ID: 5003, Type: "private", Username: "c_100", FirstName: "Carol", LastName: "Percent%"})
	w.link("", "alice", alice)
	w.link("", "bob", bob)
	blocked := w.link("", "dave", linking.Chat{BotID: botID, ID: 5004, Type: "private", FirstName: "Dave"})
	w.NoError("block", w.links.ChatBlocked(t.Context(), botID, blocked.ChatID))
	w.link("", "erin", mallory)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "erin"))
	w.start(linking.StartRequest{User: "frank"})
	inCorp := alice
	inCorp.BotID = otherBot
	w.link("corp", "aaron", inCorp)
	for user, handle := range map[string]string{"adam": "@adam_new", "bob": "@bob_new", "zoe": "@zoe_new"} {
		w.NoError("invite", w.links.Invite(t.Context(), "", user, handle))
	}

	for _, tt := range []struct {
		domain, query, after string
		limit                int
		want                 []string
	}{
		{"", "", "", 10, []string{"adam invited", "alice", "bob both", "carol", "dave", "zoe invited"}},
		{"", "", "", 3, []string{"adam invited", "alice", "bob both"}},
		{"", "", "adam", 2, []string{"alice", "bob both"}},
		{"", "", "bob", 10, []string{"carol", "dave", "zoe invited"}},
		{"", "", "zzz", 10, nil},
		{"", "LICE", "", 10, []string{"alice"}},      // id, in any case
		{"", "bob_tg", "", 10, []string{"bob both"}}, // handle
		{"", "_NEW", "", 2, []string{"adam invited", "bob both"}},
		{"", "_new", "bob", 2, []string{"zoe invited"}},
		{"", "Alice Lid", "", 10, []string{"alice"}}, // name
		{"", "%", "", 10, []string{"carol"}},
		{"", "_1", "", 10, []string{"carol"}},
		{"", `\`, "", 10, nil},
		{"", "' OR 1=1 --", "", 10, nil},
		{"corp", "", "", 10, []string{"aaron"}},
		{"elsewhere", "", "", 10, nil},
	} {
		users, err := w.links.Users(t.Context(), tt.domain, tt.query, tt.after, tt.limit)
		var got []string
		for _, u := range users {
			switch {
			case u.Link == nil:
				got = append(got, u.ID+" invited")
			case u.Invitation != nil:
				got = append(got, u.ID+" both")
			default:
				got = append(got, u.ID)
			}
		}
		if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
			t.Errorf("list %q %q after %q: %v (-want +got):\n%s", tt.domain, tt.query, tt.after, err, diff)
		}
	}
}

var errDisk = errors.New("disk I/O error")

// faultyStore is a database in which one statement of the last steps fails.
type faultyStore struct {
	linking.Store
	failing string
}

func (s *faultyStore) UpdateLinks(ctx context.Context, fn func(linking.Tx) error) error {
	return s.Store.UpdateLinks(ctx, func(tx linking.Tx) error { return fn(faultyTx{tx, s}) })
}

// faultyTx does what the statement does and then reports the fault, which is the worse case of the two.
type faultyTx struct {
	linking.Tx
	s *faultyStore
}

func (tx faultyTx) fault(err error, statement string) error {
	if err == nil && tx.s.failing == statement {
		return errDisk
	}
	return err
}

func (tx faultyTx) UpdateLink(l linking.Link) error {
	return tx.fault(tx.Tx.UpdateLink(l), "UpdateLink")
}
func (tx faultyTx) InsertLink(l linking.Link) error {
	return tx.fault(tx.Tx.InsertLink(l), "InsertLink")
}
func (tx faultyTx) Audit(e audit.Entry) error { return tx.fault(tx.Tx.Audit(e), "Audit") }

func (tx faultyTx) Enqueue(m delivery.Message) error {
	return tx.fault(tx.Tx.Enqueue(m), "Enqueue")
}

func (tx faultyTx) SaveInvitation(i linking.Invitation) error {
	return tx.fault(tx.Tx.SaveInvitation(i), "SaveInvitation")
}

func (tx faultyTx) DeleteInvitation(domain, user string) error {
	return tx.fault(tx.Tx.DeleteInvitation(domain, user), "DeleteInvitation")
}

func (tx faultyTx) CountConfirmAttempt(id string, max int) (bool, error) {
	counted, err := tx.Tx.CountConfirmAttempt(id, max)
	return counted, tx.fault(err, "CountConfirmAttempt")
}

func (tx faultyTx) CancelVerifications(id, reason string, now time.Time) error {
	return tx.fault(tx.Tx.CancelVerifications(id, reason, now), "CancelVerifications")
}

// OWASP ASVS 16.5.3: a step happens together with its message and its audit row, or not at all.
func TestAStepThatFailsLeavesNothingBehind(t *testing.T) {
	type step struct {
		name  string
		do    func(links *linking.Service) error
		needs []string
	}
	w := newWorld(t)
	store := &faultyStore{Store: w.DB}
	faulty := w.service(store)
	w.link("", "alice", bob) // to be replaced
	l, token := w.start(linking.StartRequest{User: "alice"})
	code := ""
	for _, s := range []step{
		{"claim", func(links *linking.Service) error { return links.Claim(t.Context(), alice, token) }, []string{"UpdateLink", "Audit", "Enqueue"}},
		{"accept", func(links *linking.Service) error { return links.Accept(t.Context(), botID, alice.ID, l.ID) }, []string{"UpdateLink", "Enqueue"}},
		{"confirm", func(links *linking.Service) error {
			if code == "" {
				code = w.code(alice)
			}
			c, err := links.Confirm(t.Context(), l.ID, code, "")
			if err != nil && c.Result != "" {
				t.Errorf("confirm answers %s along with an error", c.Result)
			}
			return err
		}, []string{"CountConfirmAttempt", "UpdateLink", "CancelVerifications", "Audit", "Enqueue"}},
		{"unlink", func(links *linking.Service) error { return links.Unlink(t.Context(), "", "alice") },
			[]string{"UpdateLink", "Audit", "CancelVerifications", "Enqueue"}},
		{"start", func(links *linking.Service) error {
			s, err := links.Start(t.Context(), linking.StartRequest{User: "alice", Handle: "alice_tg"})
			if err != nil && s.Link.ID != "" {
				t.Error("start answers a link along with an error")
			}
			return err
		}, []string{"InsertLink", "Audit", "Enqueue"}},
	} {
		state := func() any {
			current, err := w.links.Current(t.Context(), "", "alice")
			return []any{w.get(l), current, err == nil, w.trail("", "alice"), len(w.chat(alice)), len(w.chat(bob))}
		}
		before := state()
		for _, store.failing = range s.needs {
			if err := s.do(faulty); !errors.Is(err, errDisk) {
				t.Fatalf("%s with a failing %s: %v, want the fault", s.name, store.failing, err)
			}
			if diff := cmp.Diff(before, state()); diff != "" {
				t.Errorf("%s with a failing %s (-before +after):\n%s", s.name, store.failing, diff)
			}
		}
		w.NoError(s.name+" without a fault", s.do(w.links))
		if cmp.Equal(before, state()) {
			t.Errorf("%s without a fault changes nothing", s.name)
		}
	}
}

// What the chat was to get for the account does not arrive after "nothing arrives here any more": it may be the wrong
// person's chat.
func TestUnlinkingTakesBackWhatIsQueued(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("", "bob", alice)
	queue := func(id, user, purpose string) {
		now := w.Clock.Now()
		w.NoError("queue", w.DB.UpdateLinks(t.Context(), func(tx linking.Tx) error {
			return tx.Enqueue(delivery.Message{
				ID: id, User: user, BotID: botID, ChatID: alice.ID, Lane: delivery.LaneAlert, Purpose: purpose,
				Body: delivery.Compose(delivery.Plain("x")), Created: now, Expires: now.Add(time.Hour),
			})
		}))
	}
	queue("msg_alert", "alice", "")
	queue("msg_code", "", "login") // a caller's code that went by the handle
	queue("msg_reply", "", delivery.PurposeReply)
	queue("msg_bob", "bob", "")
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	for id, want := range map[string]delivery.Status{
		"msg_alert": delivery.StatusCanceled, "msg_code": delivery.StatusCanceled,
		"msg_reply": delivery.StatusQueued, "msg_bob": delivery.StatusQueued,
	} {
		m, err := w.DB.Load(t.Context(), id)
		if err != nil || m.Status != want {
			t.Errorf("%s is %s, want %s (%v)", id, m.Status, want, err)
		}
	}
	w.wantLast(alice, "Disconnected.")
}

// A notice about a link is no code: it is worth reading when the phone comes back the next day.
func TestANoticeAboutALinkWaitsADay(t *testing.T) {
	w := newWorld(t)
	wantDay := func(what string, chat linking.Chat) {
		t.Helper()
		if m := w.last(chat); m.Lane != delivery.LaneDirect || m.Expires.Sub(m.Created) != 24*time.Hour {
			t.Errorf("%s: in lane %s for %v, want direct for a day", what, m.Lane, m.Expires.Sub(m.Created))
		}
	}
	w.link("", "alice", alice)
	wantDay("connected", alice)
	w.link("", "alice", bob)
	wantDay("replaced", alice)
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	wantDay("disconnected", bob)
	l, token := w.start(linking.StartRequest{User: "carol"})
	w.claim(bob, token)
	w.NoError("not me", w.links.NotMe(t.Context(), botID, bob.ID, l.ID))
	wantDay("denied", bob)
}

// OWASP ASVS 16.5.3 for invitations.
func TestAnInvitationChangesWithItsAuditRowOrNotAtAll(t *testing.T) {
	w := newWorld(t)
	store := &faultyStore{Store: w.DB}
	faulty := w.service(store)
	for _, s := range []struct {
		name  string
		do    func(links *linking.Service) error
		needs []string
	}{
		{"invite", func(links *linking.Service) error { return links.Invite(t.Context(), "", "alice", "@alice_tg") }, []string{"SaveInvitation", "Audit"}},
		{"unlink", func(links *linking.Service) error { return links.Unlink(t.Context(), "", "alice") }, []string{"DeleteInvitation", "Audit"}},
	} {
		state := func() any {
			i, err := w.links.Invitation(t.Context(), "", "alice")
			return []any{i, err == nil, w.trail("", "alice")}
		}
		before := state()
		for _, store.failing = range s.needs {
			if err := s.do(faulty); !errors.Is(err, errDisk) {
				t.Fatalf("%s with a failing %s: %v, want the fault", s.name, store.failing, err)
			}
			if diff := cmp.Diff(before, state()); diff != "" {
				t.Errorf("%s with a failing %s (-before +after):\n%s", s.name, store.failing, diff)
			}
		}
		w.NoError(s.name+" without a fault", s.do(w.links))
		if cmp.Equal(before, state()) {
			t.Errorf("%s without a fault changes nothing", s.name)
		}
	}
}

func TestUnlinkingEndsTheLinkBesideAnInvitation(t *testing.T) {
	w := newWorld(t)
	l := w.link("", "alice", alice)
	w.NoError("invite", w.links.Invite(t.Context(), "", "alice", "@alice_new"))
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	w.wantStatus(l, linking.Revoked, linking.ReasonUnlinked)
	if _, err := w.links.Invitation(t.Context(), "", "alice"); !errors.Is(err, linking.ErrNotFound) {
		t.Errorf("the invitation is still there: %v", err)
	}
	w.wantLast(alice, "Disconnected.")
}

// A caller may go on to use the username of a chat whose link has ended; by then it may belong to another account.
func TestAUsernameGoesOnMeaningTheChatThatWasLinked(t *testing.T) {
	w := newWorld(t)
	w.link("", "alice", alice)
	w.link("", "mallory", mallory) // has no username
	w.NoError("unlink", w.links.Unlink(t.Context(), "", "alice"))
	for name, want := range map[string]int64{"alice_tg": alice.ID, "": 0} {
		var got int64
		err := w.DB.ViewLinks(t.Context(), func(tx linking.Tx) (err error) {
			got, err = tx.HandleChat("", name)
			return err
		})
		if got != want || (err != nil) != (want == 0) {
			t.Errorf("the username %q means chat %d (%v), want %d", name, got, err, want)
		}
	}
}
