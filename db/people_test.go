package db_test

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"telegate/db"
	"telegate/db/dbtest"
	"telegate/linking"
)

// find answers who is found, in pages of a size.
func find(t testing.TB, d *db.DB, domain, query, after string, limit int) (users []string) {
	t.Helper()
	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		links, err := tx.ListLinks(domain, query, after, limit)
		for _, l := range links {
			users = append(users, l.User)
		}
		return err
	})
	if err != nil {
		t.Fatalf("search for %.100q: %v", query, err)
	}
	return users
}

// findInvited is find for those who have an invitation.
func findInvited(t testing.TB, d *db.DB, domain, query, after string, limit int) (users []string) {
	t.Helper()
	err := d.ViewLinks(t.Context(), func(tx linking.Tx) error {
		list, err := tx.ListInvitations(domain, query, after, limit)
		for _, inv := range list {
			users = append(users, inv.User)
		}
		return err
	})
	if err != nil {
		t.Fatalf("search for %.100q: %v", query, err)
	}
	return users
}

func update(t testing.TB, d *db.DB, fn func(linking.Tx) error) {
	t.Helper()
	if err := d.UpdateLinks(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

// other opens a database beside the telegate that has it open.
func other(t testing.TB, dir string) *sql.DB {
	t.Helper()
	raw, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "telegate.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return raw
}

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
	if testing.Short() {
		t.Skip("long: many users")
	}
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
	many(t, d, 11_000) // many more than are picked and sorted
	add("", "alice", chat(1, "the_first", "Alice", "Early"), linking.Verified)
	add("", "zoe", chat(2, "Late_Bird", "Zoë", "Wren Early"), linking.Suspended)
	add("", "zoe", chat(3, "old_bird", "Zoë", "Before"), linking.Revoked)
	add("", "zz%top", chat(4, "", "100%", ""), linking.Verified)
	add("corp", "zoe", chat(2, "Late_Bird", "Zoë", "Wren Early"), linking.Verified)
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
		{"", "member1", "member10997", 10, []string{"member10998", "member10999"}},
		{"", "nobody", "", 10, nil},
		{"", "' OR 1=1 --", "", 10, nil},
	} {
		if got := find(t, d, tt.domain, tt.query, tt.after, tt.limit); !slices.Equal(got, tt.want) {
			t.Errorf("%q in %q after %q: %v, want %v", tt.query, tt.domain, tt.after, got, tt.want)
		}
	}
}

// What is upper and what lower case is one, in any script, however many characters are searched for and whoever else is there.
func TestASearchKnowsNoCaseInAnyScript(t *testing.T) {
	if testing.Short() {
		t.Skip("long: every letter")
	}
	people := map[string]linking.Chat{
		"ivan":     {FirstName: "Иван", LastName: "Ёлкин"},
		"jm":       {FirstName: "Jürgen", LastName: "MÜLLER"},
		"odysseus": {FirstName: "Οδυσσεύς", LastName: "ΛΑΕΡΤΙΆΔΗΣ"},
		"strasse":  {FirstName: "Groß", LastName: "Weißstraße"},
		"ibrahim":  {FirstName: "İBRAHİM", LastName: "Işık"},
		"zoe":      {FirstName: "Zoe\u0308", LastName: "Cafe\u0301"}, // marks that stand behind their letters
		"fula":     {FirstName: "𞤀𞤣𞤤𞤢𞤥", LastName: "Ꭰᏸᏼ"},            // Adlam, Cherokee: newer than the tables in SQLite
		"georgian": {FirstName: "Თამარი", LastName: "ქართველი"},
		"han":      {FirstName: "王小明", LastName: "한국"},
		"smile":    {FirstName: "😀😁😂", LastName: "👩‍💻"},
		"ОЛЬГА":    {Username: "Olga_O"},
	}
	for _, crowd := range []int{0, 3 * db.MostPicked} {
		d := dbtest.Open(t, time.Now)
		many(t, d, crowd)
		id := int64(0)
		for user, chat := range people {
			id++
			chat.BotID, chat.ID, chat.Type = botID, id, "private"
			saveChat(t, d, chat)
			l := verified("lnk_"+user, id, time.Now())
			l.User = user
			update(t, d, func(tx linking.Tx) error {
				if err := tx.SaveInvitation(linking.Invitation{User: "for " + user, Handle: "of_" + user}); err != nil {
					return err
				}
				return tx.InsertLink(l)
			})
		}
		for user, queries := range map[string][]string{
			"ivan":     {"Иван", "иван", "ИВАН", "ива", "ИВ", "иван ёлкин", "ЁЛКИН"},
			"jm":       {"MÜLLER", "Müller", "mü", "jÜRGEN"},
			"odysseus": {"ΟΔΥΣΣΕΎΣ", "οδυσσεύς", "λαερτιάδης", "δησ"},
			"strasse":  {"STRASSE", "straße", "GROSS", "groẞ", "weissstrasse"},
			"ibrahim":  {"ibrahim", "IBRAHIM", "İbrahim", "ışık", "IŞIK", "işık"},
			"zoe":      {"zoë", "ZOË", "zoe\u0308", "CAFÉ", "café"},
			"fula":     {"𞤢𞤣𞤤𞤢𞤥", "𞤀𞤁𞤂𞤀𞤃", "ꭰᏰᏼ", "ᎠᏸᏴ"},
			"georgian": {"თამარი", "ᲗᲐᲛᲐᲠᲘ", "ᲥᲐ"},
			"han":      {"王小明", "小", "한국"},
			"smile":    {"😀😁😂", "😁", "👩‍💻"},
			"ОЛЬГА":    {"ольга", "Ольга", "оль", "OLGA_", "a_o"},
		} {
			for _, query := range queries {
				if got := find(t, d, "", query, "", 10); !slices.Equal(got, []string{user}) {
					t.Errorf("%q among %d: %v, want %s", query, crowd, got, user)
				}
			}
		}
		for _, query := range []string{"ольга", "ОЛЬ", "OF_ОЛЬГА", "for ольга"} {
			if got := findInvited(t, d, "", query, "", 10); !slices.Equal(got, []string{"for ОЛЬГА"}) {
				t.Errorf("%q among invitations: %v", query, got)
			}
		}
		for _, query := range []string{"иванов", "Muller", "Јürgen", "zoe ", "\u0308", "ольга ольга"} { // the third is Serbian
			if got := find(t, d, "", query, "", 10); len(got) > 0 {
				t.Errorf("%q: %v", query, got)
			}
		}
	}
}

// No character of a search is anything but itself, and none makes it fail.
func TestASearchMeansWhatItSays(t *testing.T) {
	d := dbtest.Open(t, time.Now)
	queries := []string{
		`%`, `_`, `\`, `%%%`, `a_b_c`, `\%\_`, `"`, `""`, `"""`, `"abc`, `abc"def`, `*`, `abc*`, `^abc`, `(abc`, `abc)`, `NEAR(abc def)`, `name:abc`, `{name handle}: abc`,
		`abc AND def`, `abc OR def`, `abc NOT def`, `-abc`, `+abc`, `'`, `';--`, `abc ' def`, `?1`, `:a`, "tab\tin", "line\nbreak", "not\xffutf8", "\xff\xfe\xfd",
		"\uFFFE\uFFFF", "\U0010FFFF", "\u202Eabc", " ", "   ", "　全角　", strings.Repeat("x", 255), strings.Repeat("é", 255), strings.Repeat(`"`, 255),
	}
	update(t, d, func(tx linking.Tx) error {
		for i, query := range queries {
			chat := linking.Chat{BotID: botID, ID: int64(100 + i), Type: "private", FirstName: "before " + query + " after"}
			l := verified(fmt.Sprint(i), chat.ID, time.Now())
			l.User = fmt.Sprintf("u%03d", i)
			if err := tx.SaveChat(chat); err != nil {
				return err
			}
			if err := tx.InsertLink(l); err != nil {
				return err
			}
			if err := tx.SaveInvitation(linking.Invitation{User: l.User, Handle: query}); err != nil {
				return err
			}
		}
		return nil
	})
	replaced := strings.NewReplacer("\xff\xfe\xfd", "\uFFFD", "\xff", "\uFFFD")
	for i, query := range queries {
		var invited, linked []string
		for j, held := range queries {
			user := fmt.Sprintf("u%03d", j)
			if holds := replaced.Replace(held); strings.Contains("before "+holds+" after ", replaced.Replace(query)) {
				linked = append(linked, user)
			}
			if strings.Contains(replaced.Replace(held), replaced.Replace(query)) {
				invited = append(invited, user)
			}
		}
		if got := find(t, d, "", query, "", 100); !slices.Equal(got, linked) {
			t.Errorf("%d, %.50q: %v, want %v", i, query, got, linked)
		}
		if got := findInvited(t, d, "", query, "", 100); !slices.Equal(got, invited) {
			t.Errorf("%d, %.50q among invitations: %v, want %v", i, query, got, invited)
		}
	}
	for _, query := range []string{"nul\x00in", "\x00\x00\x00\x00\x00", strings.Repeat("%", 100_000), strings.Repeat("abc ", 100_000), strings.Repeat("Я", 1_000_000)} {
		if got := find(t, d, "", query, "", 100); len(got) > 0 {
			t.Errorf("%.10q…: %v", query, got)
		}
	}
}

// crowd is what a test knows of those it has written down.
type crowd struct {
	users   map[string]int64 // the chat of a link by domain and user, with a space between
	invited map[string]string
	chats   map[int64]linking.Chat
}

// holders are those of a domain whose texts hold another, by a look at each.
func (c crowd) holders(domain, text string) (linked, invited []string) {
	holds := func(parts ...string) bool {
		return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(strings.ToLower(p), strings.ToLower(text)) })
	}
	for key, id := range c.users {
		d, user, _ := strings.Cut(key, " ")
		chat, known := c.chats[id]
		if d == domain && (holds(user, chat.Username) || known && holds(chat.FirstName+" "+chat.LastName)) {
			linked = append(linked, user)
		}
	}
	for key, handle := range c.invited {
		if d, user, _ := strings.Cut(key, " "); d == domain && holds(user, handle) {
			invited = append(invited, user)
		}
	}
	slices.Sort(linked)
	slices.Sort(invited)
	return linked, invited
}

// Whatever becomes of people, a search finds what a look at each of them finds, and the index holds them and nobody else.
func TestASearchFollowsWhateverBecomesOfPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("long: random changes")
	}
	d, dir := openFiles(t)
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abAB01_ яЯüÜσΣ")
	word := func(n int) string {
		text := make([]rune, n)
		for i := range text {
			text[i] = letters[r.IntN(len(letters))]
		}
		return string(text)
	}
	c := crowd{users: map[string]int64{}, invited: map[string]string{}, chats: map[int64]linking.Chat{}}
	domains := []string{"", "corp"}
	ids := map[string]string{} // of the link of a user
	next := 0
	pick := func() string { return fmt.Sprintf("%s %s%02d", domains[r.IntN(2)], "uÜ"[:1], r.IntN(40)) }
	for step := range 2000 {
		key := pick()
		domain, user, _ := strings.Cut(key, " ")
		chat := int64(1 + r.IntN(8))
		update(t, d, func(tx linking.Tx) error {
			switch r.IntN(7) {
			case 0, 1: // somebody writes, under whichever name
				to := linking.Chat{BotID: botID, ID: chat, Type: "private", FirstName: word(1 + r.IntN(8)), LastName: word(r.IntN(8))}
				if r.IntN(2) == 0 {
					to.Username = fmt.Sprintf("tg_%02d", r.IntN(40))
				}
				for id, other := range c.chats {
					if to.Username != "" && other.Username == to.Username && id != chat {
						other.Username = ""
						c.chats[id] = other
					}
				}
				c.chats[chat] = to
				return tx.SaveChat(to)
			case 2, 3: // links, and loses what was there
				if id := ids[key]; id != "" {
					if err := tx.UpdateLink(linking.Link{ID: id, Status: linking.Revoked, ChatID: c.users[key]}); err != nil {
						return err
					}
				}
				next++
				l := linking.Link{ID: fmt.Sprint("lnk_", next), Domain: domain, User: user, Method: linking.ByBot, Status: linking.Pending, BotID: botID}
				c.users[key], ids[key] = chat, l.ID
				if r.IntN(2) == 0 { // at once, as by an import
					l.Status, l.ChatID = linking.Verified, chat
					return tx.InsertLink(l)
				}
				if err := tx.InsertLink(l); err != nil {
					return err
				}
				for _, l.Status = range []linking.Status{linking.Claimed, linking.Verified, linking.Suspended} {
					l.ChatID = chat
					if err := tx.UpdateLink(l); err != nil {
						return err
					}
				}
			case 4: // unlinks
				if id := ids[key]; id != "" {
					chat := c.users[key]
					delete(c.users, key)
					delete(ids, key)
					return tx.UpdateLink(linking.Link{ID: id, Status: linking.Revoked, ChatID: chat})
				}
			case 5:
				c.invited[key] = word(5)
				return tx.SaveInvitation(linking.Invitation{Domain: domain, User: user, Handle: c.invited[key]})
			case 6:
				delete(c.invited, key)
				if r.IntN(3) > 0 {
					return tx.DeleteInvitation(domain, user)
				}
				to := chat + 1000 // a group that has become another
				if err := tx.DeleteInvitation(domain, user); err != nil {
					return err
				}
				if was, ok := c.chats[chat]; ok {
					delete(c.chats, chat)
					if _, there := c.chats[to]; !there {
						was.ID = to
						c.chats[to] = was
					}
				}
				for key, id := range c.users {
					if id == chat {
						c.users[key] = to
					}
				}
				return tx.(interface {
					MigrateChat(botID, from, to int64) error
				}).MigrateChat(botID, chat, to)
			}
			return nil
		})
		if step%10 > 0 {
			continue
		}
		for _, domain := range domains {
			for _, n := range []int{1, 2, 3, 4} {
				text := word(n)
				linked, invited := c.holders(domain, text)
				if got := find(t, d, domain, text, "", 1000); !slices.Equal(got, linked) {
					t.Fatalf("step %d, %q in %q: %q, want %q", step, text, domain, got, linked)
				}
				if got := findInvited(t, d, domain, text, "", 1000); !slices.Equal(got, invited) {
					t.Fatalf("step %d, %q in %q: invited %q, want %q", step, text, domain, got, invited)
				}
			}
		}
	}
	// FTS5's own comparison of the index with what it was made of (sqlite.org/fts5.html#the_integrity_check_command).
	if _, err := other(t, dir).ExecContext(t.Context(), "INSERT INTO people_grams (people_grams, rank) VALUES ('integrity-check', 1)"); err != nil {
		t.Error(err)
	}
}

// A chat that becomes known under its old id, after its links have moved to the new one, gives them its name when it moves too.
func TestAChatThatMovesLateIsFoundByItsName(t *testing.T) {
	d, _ := openFiles(t)
	const from, to = -100, -1000000000100
	if err := insertLink(t, d, verified("lnk_1", from, time.Now())); err != nil {
		t.Fatal(err)
	}
	move := func(a, b int64) {
		t.Helper()
		if err := d.Migrate(t.Context(), botID, a, b); err != nil {
			t.Fatal(err)
		}
	}
	move(from, to)
	saveChat(t, d, linking.Chat{BotID: botID, ID: from, Type: "group", FirstName: "The Choir"})
	if got := find(t, d, "", "choir", "", 10); len(got) > 0 {
		t.Errorf("before: %v", got)
	}
	move(from, to)
	if got := find(t, d, "", "choir", "", 10); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("after: %v", got)
	}
}

// Who unlinks, is renamed, or is invited no more leaves no three characters of a name in the index.
func TestWhoGoesLeavesNothingInTheIndex(t *testing.T) {
	if testing.Short() {
		t.Skip("long: many users")
	}
	d, dir := openFiles(t)
	many(t, d, 3000)
	chat := linking.Chat{BotID: botID, ID: chatID, Type: "private", Username: "ԱԲԳ", FirstName: "ԴԵԶ", LastName: "ԷԸԹ"} // by three bytes of their own
	l := verified("lnk_1", chatID, time.Now())
	l.User = "ԺԻԼ"
	saveChat(t, d, chat)
	if err := insertLink(t, d, l); err != nil {
		t.Fatal(err)
	}
	update(t, d, func(tx linking.Tx) error {
		return tx.SaveInvitation(linking.Invitation{User: "ԽԾԿ", Handle: "ՀՁՂ"})
	})
	raw := other(t, dir)
	// held are the words of which the index holds the end: the beginning of a term is that of the one before it.
	held := func() (list []string) {
		rows, err := raw.QueryContext(t.Context(), "SELECT block FROM people_grams_data UNION ALL SELECT term FROM people_grams_idx")
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		var index []byte
		for rows.Next() {
			var block []byte
			if err := rows.Scan(&block); err != nil {
				t.Fatal(err)
			}
			index = append(index, block...)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"աբգ", "դեզ", "էըթ", "ժիլ", "խծկ", "հձղ"} {
			if bytes.Contains(index, []byte(word)[2:]) {
				list = append(list, word)
			}
		}
		return list
	}
	is := func(when string, rows int, want ...string) {
		t.Helper()
		if got := held(); !slices.Equal(got, want) {
			t.Errorf("%s: the index holds %q, want %q", when, got, want)
		}
		var n int
		if err := raw.QueryRowContext(t.Context(), "SELECT count(*) FROM people WHERE folded_user NOT LIKE 'member%'").Scan(&n); err != nil || n != rows {
			t.Errorf("%s: %d rows, want %d, %v", when, n, rows, err)
		}
	}
	is("at first", 2, "աբգ", "դեզ", "էըթ", "ժիլ", "խծկ", "հձղ")
	saveChat(t, d, linking.Chat{BotID: botID, ID: chatID + 1, Type: "private", Username: "ԱԲԳ"})
	is("after the handle has passed on", 2, "դեզ", "էըթ", "ժիլ", "խծկ", "հձղ")
	chat.Username, chat.FirstName = "", "Bob"
	saveChat(t, d, chat)
	is("after a new name", 2, "էըթ", "ժիլ", "խծկ", "հձղ")
	l.Status = linking.Revoked
	update(t, d, func(tx linking.Tx) error { return tx.UpdateLink(l) })
	is("after the end of the link", 1, "խծկ", "հձղ")
	update(t, d, func(tx linking.Tx) error { return tx.SaveInvitation(linking.Invitation{User: "ԽԾԿ", Handle: "bob"}) })
	is("after another handle", 1, "խծկ")
	update(t, d, func(tx linking.Tx) error { return tx.DeleteInvitation("", "ԽԾԿ") })
	is("at last", 0)
}

// Few are picked out of the index, and found in the people by their number there.
func TestARareNameIsPickedOutOfTheIndex(t *testing.T) {
	d, _ := openFiles(t)
	for _, query := range db.PickQueries {
		if plan := d.Plan(t, query); !strings.Contains(plan, "p USING INDEX people_id (id=?") || strings.Contains(plan, "SCAN l") || strings.Contains(plan, "SCAN i") {
			t.Errorf("%s\n%s", query, plan)
		}
	}
}

// A check tells damage from what was only written since the last one.
func TestACheckOfADatabaseInUseComesAgain(t *testing.T) {
	if testing.Short() {
		t.Skip("long: load")
	}
	d, dir := openFiles(t)
	many(t, d, 100)
	i, err := db.Inspect(t.Context(), filepath.Join(dir, "telegate.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer i.Close()
	for n := range 5 {
		if err := i.Check(t.Context(), n%2 == 0); err != nil {
			t.Fatal(err)
		}
		if _, err := i.Counts(); err != nil {
			t.Fatal(err)
		}
		for m := range 100 {
			invite := linking.Invitation{User: fmt.Sprint("user", m), Handle: fmt.Sprint("handle", m)}
			update(t, d, func(tx linking.Tx) error { return tx.SaveInvitation(invite) })
			update(t, d, func(tx linking.Tx) error { return tx.DeleteInvitation("", invite.User) })
			update(t, d, func(tx linking.Tx) error { return tx.SaveInvitation(invite) })
		}
	}
}

// A backup that was put back finds the same people.
func TestABackupFindsPeople(t *testing.T) {
	d, dir := openFiles(t)
	saveChat(t, d, linking.Chat{BotID: botID, ID: chatID, Type: "private", FirstName: "Иван"})
	if err := insertLink(t, d, verified("lnk_1", chatID, time.Now())); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	backUp(t, filepath.Join(dir, "telegate.db"), file)
	elsewhere := filepath.Join(t.TempDir(), "telegate.db")
	if _, err := restoreTo(t, file, elsewhere); err != nil {
		t.Fatal(err)
	}
	back := dbtest.OpenAt(t, elsewhere, time.Now, nil)
	if got := find(t, back, "", "ИВАН", "", 10); !slices.Equal(got, []string{"alice"}) {
		t.Errorf("found: %v", got)
	}
}
