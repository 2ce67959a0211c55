package bench

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"telegate/db"
	"telegate/linking"
)

// benchBot is a bot of the simulated Telegram. Its token is no real one.
type benchBot struct {
	id              int64
	username, token string
}

func botNumber(n int) benchBot {
	id := 3_000_000_000 + int64(n)
	return benchBot{id, fmt.Sprintf("Bench%dBot", n), fmt.Sprintf("%d:BENCH-token-that-opens-nothing-00000", id)}
}

// account is a linked user of a domain.
type account struct {
	domain, user string
	bot, chat    int64
}

// userNumber is user n of the default domain, linked to a chat with the first bot.
func userNumber(n int) account {
	return account{user: fmt.Sprintf("user//u%07d", n), bot: botNumber(0).id, chat: 5_000_000_000 + int64(n)}
}

// users are the first count users of the default domain.
func users(count int) iter.Seq[account] {
	return func(yield func(account) bool) {
		for n := range count {
			if !yield(userNumber(n)) {
				return
			}
		}
	}
}

// seedFunc fills a database.
type seedFunc func(ctx context.Context, d *db.DB) error

// seedBatch is the number of links per transaction.
const seedBatch = 10_000

// createDatabase creates a database and fills it.
func createDatabase(ctx context.Context, path string, content seedFunc) (err error) {
	d, err := db.Open(ctx, db.Options{Path: path, KeyFile: path + ".key", Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return content(ctx, d)
}

// seedLinks links these accounts, a month ago. It uses the database's own transactions, so that the rows are real.
func seedLinks(accounts iter.Seq[account]) seedFunc {
	return func(ctx context.Context, d *db.DB) error {
		since := time.Now().AddDate(0, -1, 0)
		next, stop := iter.Pull(accounts)
		defer stop()
		for n, more := 0, true; more; {
			err := d.UpdateLinks(ctx, func(tx linking.Tx) error {
				for range seedBatch {
					var a account
					if a, more = next(); !more {
						return nil
					}
					if err := tx.SaveChat(linking.Chat{BotID: a.bot, ID: a.chat, Type: "private", FirstName: "Somebody"}); err != nil {
						return err
					}
					err := tx.InsertLink(linking.Link{
						ID: fmt.Sprintf("lnk_bench%09d", n), Domain: a.domain, User: a.user, Method: linking.ByBot, Status: linking.Verified,
						BotID: a.bot, ChatID: a.chat, Created: since, Expires: since, Claimed: since, Verified: since,
					})
					if err != nil {
						return err
					}
					n++
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("create %d links: %w", n, err)
			}
		}
		return nil
	}
}
