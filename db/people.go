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

// The migrations' triggers fold what they put into people by the function that folds what is searched for.
func init() {
	sqlite.MustRegisterDeterministicScalarFunction("folded", 1, func(_ *sqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		text, ok := args[0].(string)
		if !ok {
			return nil, fmt.Errorf("folded() takes a text, not %T", args[0])
		}
		return folded(text), nil
	})
}

// folded is a text as a search sees it: each letter composed with its marks, and without upper and lower case in any script. Unicode's
// full case folding makes ss of ß and σ of ς; what x/text leaves out of it (Cherokee) is made upper and lower case. That makes i of ı as
// well, and so the dot of İ goes too: which of them a name is written with depends on the language, and nobody knows a name's.
// What FTS5 would not read to its end, or not as Go does, is replaced.
func folded(text string) string {
	if isASCII(text) {
		return strings.ToLower(text)
	}
	text = cases.Fold().String(norm.NFC.String(strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")))
	return strings.ReplaceAll(strings.ToLower(strings.ToUpper(text)), "i\u0307", "i")
}

// isASCII does not count NUL in.
func isASCII(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r == 0 || r > 0x7f }) < 0
}

// The lists of users walk an index in the order of users, and stop at the limit. So does a search for what very many have, or for
// fewer than three characters. Whoever is rarer is picked out of people_grams. Either way it is the row in people that decides.
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

// mostPicked is how many people_grams may find. Where more are alike, a walk has filled its page sooner than these are sorted.
const mostPicked = 1000

// mostGrams is how many of a search's grams people_grams is asked for: after so many hardly anybody is left who has not the rest too.
const mostGrams = 32

// grams writes a text for people_grams: rows that have all of its threes of characters. It is empty where there are none.
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

// search answers those whose user id, handle or name contains a text, by the faster of two statements.
func search[T any](tx *Tx, scan func(scanner) (T, error), walked, picked, domain, query, after string, limit int) ([]T, error) {
	text := folded(query)
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
