package db_test

import (
	"fmt"
	"slices"
	"testing"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/linking"
)

// many links that many users, member00000 and on.
func many(t *testing.T, d *db.DB, n int) {
	t.Helper()
	err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error {
		for i := range n {
			l := linking.Link{
				ID: fmt.Sprint(i), User: fmt.Sprintf("member%05d", i), Method: linking.ByBot, Status: linking.Verified, BotID: botID, ChatID: int64(1000 + i),
			}
			err := tx.SaveChat(linking.Chat{
				BotID: botID, ID: l.ChatID, Type: "private", Username: fmt.Sprintf("tg%05d", i), FirstName: "Member", LastName: fmt.Sprint(i),
			})
			if err == nil {
				err = tx.InsertLink(l)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Whoever matches a search is found, near the beginning or behind very many others, by id, handle or name, each once and in order.
func TestASearchFindsEverybodyWhoMatches(t *testing.T) {
	clock := dbtest.NewClock()
	d := dbtest.Open(t, clock.Now)
	add := func(domain, user string, chat linking.Chat, status linking.Status) {
		t.Helper()
		err := d.UpdateLinks(t.Context(), func(tx linking.Tx) error {
			if err := tx.SaveChat(chat); err != nil {
				return err
			}
			return tx.InsertLink(linking.Link{
				ID: domain + "/" + user + "/" + string(status), Domain: domain, User: user, Method: linking.ByBot, Status: status, BotID: botID,
				ChatID: chat.ID, Created: clock.Now(), Verified: clock.Now(),
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	chat := func(id int64, username, first, last string) linking.Chat {
		return linking.Chat{BotID: botID, ID: id, Type: "private", Username: username, FirstName: first, LastName: last}
	}
	many(t, d, 11_000) // more than are walked
	add("", "alice", chat(1, "the_first", "Alice", "Early"), linking.Verified)
	add("", "zoe", chat(2, "Late_Bird", "Zoë", "Wren Early"), linking.Suspended)
	add("", "zoe", chat(3, "old_bird", "Zoë", "Before"), linking.Revoked)
	add("", "zz%top", chat(4, "", "100%", ""), linking.Verified)
	add("corp", "zoe", chat(2, "Late_Bird", "Zoë", "Wren Early"), linking.Verified)
	list := func(domain, query, after string, limit int) (users []string) {
		t.Helper()
		err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
			links, err := tx.ListLinks(domain, query, after, limit)
			for _, l := range links {
				users = append(users, l.User)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return users
	}
	for _, tt := range []struct {
		domain, query, after string
		limit                int
		want                 []string
	}{
		{"", "", "", 2, []string{"alice", "member00000"}},
		{"", "", "zoe", 5, []string{"zz%top"}},
		{"", "early", "", 10, []string{"alice", "zoe"}},
		{"", "early", "", 1, []string{"alice"}},
		{"", "early", "alice", 10, []string{"zoe"}},
		{"", "LATE_B", "", 10, []string{"zoe"}},
		{"", "wren e", "", 10, []string{"zoe"}},
		{"", "zo", "", 10, []string{"zoe"}},
		{"", "before", "", 10, nil}, // of a link that has ended
		{"", "%", "", 10, []string{"zz%top"}},
		{"", "_", "", 10, []string{"alice", "zoe"}},
		{"", "10599", "", 10, []string{"member10599"}},
		{"", "member1059", "member10594", 10, []string{"member10595", "member10596", "member10597", "member10598", "member10599"}},
		{"", "member", "", 3, []string{"member00000", "member00001", "member00002"}},
		{"corp", "zo", "", 10, []string{"zoe"}},
		{"corp", "member", "", 10, nil},
		{"", "nobody", "", 10, nil},
		{"", "' OR 1=1 --", "", 10, nil},
	} {
		if got := list(tt.domain, tt.query, tt.after, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %q after %q: %v, want %v", tt.query, tt.domain, tt.after, got, tt.want)
		}
	}
}
