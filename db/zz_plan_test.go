package db

import (
	"testing"
	"time"
	"context"
	"path/filepath"
)

func TestZZPlan(t *testing.T) {
	p := filepath.Join(t.TempDir(), "x.db")
	d, err := Open(context.Background(), Options{Path: p, KeyFile: p + ".key", Now: time.Now})
	if err != nil { t.Fatal(err) }
	defer d.Close()
	for _, q := range []string{
		"SELECT status, failure, count(*) FROM messages WHERE broadcast = ? AND broadcast <> '' GROUP BY status, failure",
		"SELECT b.id, (SELECT count(*) FROM messages m WHERE m.broadcast = b.id AND m.broadcast <> '' AND m.status IN ('queued', 'sending')) FROM broadcasts b WHERE ended_at = 0 AND (send_at <= ? OR status = 'canceled') ORDER BY send_at",
		selectLinked + "WHERE l.domain = ? AND l.user > ? AND l.status IN ('verified', 'suspended') ORDER BY l.user LIMIT ?",
		"SELECT count(*) FROM links WHERE domain = ? AND user > ? AND status IN ('verified', 'suspended')",
		`SELECT count(*), coalesce(sum(coalesce(c.blocked, 0)), 0)
		FROM json_each(?) u CROSS JOIN links l ON l.domain = ? AND l.user = u.value AND l.status IN ('verified', 'suspended')
		LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id`,
		"SELECT coalesce(min(send_at), 0) FROM broadcasts WHERE ended_at = 0 AND send_at > ? AND status = 'scheduled'",
		"SELECT "+broadcastColumns+` FROM broadcasts b
		WHERE domain = ?1 AND (?2 = '' OR (created_at, id) < (SELECT created_at, id FROM broadcasts WHERE domain = ?1 AND id = ?2))
		ORDER BY created_at DESC, id DESC LIMIT ?3`,
		"SELECT id FROM messages WHERE broadcast = ? AND broadcast <> '' AND status = 'queued'",
		"DELETE FROM broadcasts WHERE id IN (SELECT id FROM broadcasts WHERE ended_at <> 0 AND ended_at < ? LIMIT ?)",
	} {
		d.view(context.Background(), func(tx *Tx) error {
			rows, err := tx.q.conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+q, 1, 2, 3)
			if err != nil {
				rows, err = tx.q.conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+q, 1, 2)
			}
			if err != nil {
				rows, err = tx.q.conn.QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+q, 1)
			}
			if err != nil { t.Log(q, err); return nil }
			defer rows.Close()
			t.Log(q[:40])
			for rows.Next() {
				var a, b, c any
				var s string
				rows.Scan(&a, &b, &c, &s)
				t.Log("      ", s)
			}
			return nil
		})
	}
}
