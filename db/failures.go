package db

import "time"

// SendFailure is a failed send, without its message and recipient.
type SendFailure struct {
	Time      time.Time `json:"time"`
	Lane      string    `json:"lane"`
	Transport string    `json:"transport"`
	Outcome   string    `json:"outcome"`
	Reason    string    `json:"reason"`
	TookMS    int64     `json:"took_ms"`
}

// failuresAmong is how many of the newest messages are searched for failures.
const failuresAmong = 20_000

// Failures returns the last failed sends, newest first.
func (i *Inspection) Failures(limit int) ([]SendFailure, error) {
	return all(&Tx{q: i.conn}, func(row scanner) (f SendFailure, err error) {
		var at int64
		err = row.Scan(&at, &f.Lane, &f.Transport, &f.Outcome, &f.Reason, &f.TookMS)
		f.Time = fromMillis(at)
		return f, err
	}, `SELECT a.at, m.lane, a.transport, a.outcome, a.reason, a.took
		FROM (SELECT id, lane, seq FROM messages ORDER BY seq DESC LIMIT ?) m JOIN attempts a ON a.message_id = m.id
		WHERE a.outcome <> 'accepted' ORDER BY m.seq DESC, a.n DESC LIMIT ?`, failuresAmong, limit)
}
