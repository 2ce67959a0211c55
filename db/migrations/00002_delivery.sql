-- Broadcasts, dead letters that can be sent again, and every attempt to send.
-- Sealed columns here: broadcasts.body. messages.body now outlives a message that did not arrive, until keepDead is over.

-- +goose Up
ALTER TABLE messages ADD COLUMN broadcast TEXT NOT NULL DEFAULT '';      -- the broadcast it is part of
ALTER TABLE messages ADD COLUMN suppressed INTEGER NOT NULL DEFAULT 0;   -- repeats of its dedupe key that were not sent
ALTER TABLE messages ADD COLUMN suppressed_at INTEGER NOT NULL DEFAULT 0; -- when the last of them came
ALTER TABLE messages ADD COLUMN resent_as TEXT NOT NULL DEFAULT '';      -- the message that was sent in its place
CREATE INDEX messages_broadcast ON messages (broadcast, status, failure) WHERE broadcast <> '';
CREATE INDEX messages_recipients ON messages (broadcast, status, seq) WHERE broadcast <> '';
CREATE INDEX messages_user ON messages (domain, user, seq) WHERE user <> '';
CREATE INDEX messages_listed ON messages (domain, lane, status, seq) WHERE purpose <> 'reply';
CREATE INDEX messages_kept ON messages (ended_at) WHERE ended_at <> 0 AND body IS NOT NULL;

-- One row for each send that was tried, written together with what it has changed about its message.
CREATE TABLE attempts (
    message_id TEXT    NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    n          INTEGER NOT NULL,  -- the how manieth of the message, from 1
    at         INTEGER NOT NULL,
    took       INTEGER NOT NULL,  -- milliseconds
    part       INTEGER NOT NULL,  -- of the message, from 0
    transport  TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,  -- accepted, unknown, or the class of the error
    reason     TEXT    NOT NULL,  -- of a failure, as in messages.failure
    detail     TEXT    NOT NULL,
    PRIMARY KEY (message_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE broadcasts (
    id         TEXT PRIMARY KEY,
    domain     TEXT    NOT NULL,
    body       BLOB,               -- sealed; NULL once every recipient has a message of his own
    silent     INTEGER NOT NULL,
    everybody  INTEGER NOT NULL,   -- 1: whoever is linked when it is sent; 0: the users in audience
    status     TEXT    NOT NULL,
    reachable  INTEGER NOT NULL,   -- as counted when it was accepted
    unlinked   INTEGER NOT NULL,
    blocked    INTEGER NOT NULL,
    cursor     TEXT    NOT NULL DEFAULT '', -- of one to everybody: the last user who has a message of his own
    counts     TEXT    NOT NULL DEFAULT '', -- JSON, how its messages ended; written when the last of them has
    lifetime   INTEGER NOT NULL,   -- milliseconds
    created_at INTEGER NOT NULL,
    send_at    INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX broadcasts_open ON broadcasts (send_at) WHERE ended_at = 0;
CREATE INDEX broadcasts_domain ON broadcasts (domain, created_at);
CREATE INDEX broadcasts_ended ON broadcasts (ended_at) WHERE ended_at <> 0;

-- The users of a broadcast that goes to a list and have no message yet, in pieces that are taken one at a time: a row for
-- each user would keep the writer, and every sign-in with it, for a second.
CREATE TABLE audience (
    broadcast TEXT    NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    piece     INTEGER NOT NULL,
    size      INTEGER NOT NULL,  -- how many users
    users     TEXT    NOT NULL,  -- JSON
    PRIMARY KEY (broadcast, piece)
) STRICT, WITHOUT ROWID;

-- When a pause was asked for, so that a clock set back does not make it longer.
ALTER TABLE pauses ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;

-- The trail of a user; and messages that were refused, of which only some are written down (audit/refusal.go).
CREATE INDEX audit_user ON audit (domain, user, at) WHERE user <> '';
CREATE INDEX audit_refused ON audit (at, domain) WHERE event = 'message.refused';

-- The login report reads the checks of codes for signing in: all of a domain, those that ended alike, those of a user, or both.
ALTER TABLE audit ADD COLUMN purpose TEXT NOT NULL DEFAULT '';  -- of a verification
DROP INDEX audit_checks;
CREATE INDEX audit_logins ON audit (domain, at) WHERE event = 'verification.checked' AND purpose = 'login';
CREATE INDEX audit_outcomes ON audit (domain, outcome, at) WHERE event = 'verification.checked' AND purpose = 'login';
CREATE INDEX audit_tries ON audit (domain, user, outcome, at) WHERE event = 'verification.checked' AND purpose = 'login';
