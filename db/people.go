package db

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"modernc.org/sqlite"

	"telegate/linking"
)

// The triggers of the migrations fold text with the same function as the search.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("folded", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("folded() takes a text, not %T", args[0])
		}
		return foldText(text), nil
	})
}

// foldText prepares a text for search: it composes letters with their marks and removes upper and lower case in every
// script. Unicode's full case folding turns ß into ss and σ into ς; letters that x/text leaves out (Cherokee) are
// upper-cased and lower-cased. This also turns ı into i, so the dot of İ is removed too: which one a name uses depends on
// its unknown language. It replaces characters that FTS5 would not read to the end, or not as Go does.
func foldText(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = cases.Fold().String(norm.NFC.String(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")))
	return strings.ReplaceAll(strings.ToLower(strings.ToUpper(text)), "i\u0307", "i")
}

// isASCII excludes NUL.
func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r == 0 || r > 0x7f }) < 0
}

// Lists of users walk an index in the order of users and stop at the limit. Searches for frequent texts, or fewer than
// three characters, do the same. Rarer texts are found by people_grams. In both cases the row in people decides.
const (
	usersOfDomain = selectLink + `
		WHERE l.domain = ? AND l.user > ? AND l.status IN ('verified', 'suspended')
		ORDER BY l.user LIMIT ?`
	invitationsOfDomain = selectInvitation + "FROM invitations i WHERE i.domain = ? AND i.user > ? ORDER BY i.user LIMIT ?"

	idsAlike = "SELECT rowid FROM people_grams WHERE people_grams MATCH ? LIMIT ?"

	walk     = "FROM people p "
	pick     = "FROM (SELECT p.user FROM json_each(?5) g CROSS JOIN people p ON p.id = g.value WHERE "
	matching = ` AND p.domain = ?1 AND p.user > ?2 AND (instr(p.folded_user, ?3) OR instr(p.handle, ?3) OR instr(p.name, ?3))
		ORDER BY p.user LIMIT ?4`
	linked     = "p.invited = 0" + matching
	invited    = "p.invited = 1" + matching
	theirLinks = ` CROSS JOIN links l ON l.domain = ?1 AND l.user = p.user AND l.status IN ('verified', 'suspended')
		LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id `
	theirInvitations = " CROSS JOIN invitations i ON i.domain = ?1 AND i.user = p.user "

	usersWalked       = selectOf + walk + theirLinks + "WHERE " + linked
	usersPicked       = selectOf + pick + linked + ") p" + theirLinks + "ORDER BY p.user"
	invitationsWalked = selectInvitation + walk + theirInvitations + "WHERE " + invited
	invitationsPicked = selectInvitation + pick + invited + ") p" + theirInvitations + "ORDER BY p.user"
)

// mostPicked limits the matches from people_grams. With more matches, a walk fills its page before these are sorted.
const mostPicked = 1000

// mostGrams limits how many grams of a search people_grams gets: so many already identify nearly everybody.
const mostGrams = 32

// grams makes a query for people_grams: rows that contain all three-character sequences of a text. Empty if there are none.
func grams(text string) string {
	var b strings.Builder
	runes := []rune(text)
	for i := 0; i+3 <= len(runes) && i < mostGrams; i++ {
		b.WriteString(`"` + strings.ReplaceAll(string(runes[i:i+3]), `"`, `""`) + `" `)
	}
	return b.String()
}

// ListLinks implements linking.Tx.
func (tx *Tx) ListLinks(domain, query, after string, limit int) ([]linking.Link, error) {
	if query == "" {
		return all(tx, scanLink, usersOfDomain, domain, after, limit)
	}
	return search(tx, scanLink, usersWalked, usersPicked, domain, query, after, limit)
}

// ListInvitations implements linking.Tx.
func (tx *Tx) ListInvitations(domain, query, after string, limit int) ([]linking.Invitation, error) {
	if query == "" {
		return all(tx, scanInvitation, invitationsOfDomain, domain, after, limit)
	}
	return search(tx, scanInvitation, invitationsWalked, invitationsPicked, domain, query, after, limit)
}

// search returns those whose user id, handle or name contains a text, by the faster of two statements.
func search[T any](tx *Tx, scan func(scanner) (T, error), walked, picked, domain, query, after string, limit int) ([]T, error) {
	text := foldText(query)
	if g := grams(text); g != "" {
		ids, err := all(tx, scanNumber, idsAlike, g, mostPicked+1)
		if err != nil {
			return nil, err
		}
		if len(ids) <= mostPicked {
			list, err := json.Marshal(ids)
			if err != nil {
				return nil, err
			}
			return all(tx, scan, picked, domain, after, text, limit, string(list))
		}
	}
	return all(tx, scan, walked, domain, after, text, limit)
}
