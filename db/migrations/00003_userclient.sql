-- What is remembered of Telegram accounts reached over MTProto. account is "user", or "bot" and the bot's id.
-- Sealed: sessions.data, which is a full login.

-- +goose Up
CREATE TABLE sessions (
    account  TEXT    PRIMARY KEY,
    data     BLOB    NOT NULL, -- sealed
    saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Access hashes are worth something only together with the session they were given to.
CREATE TABLE peers (
    account     TEXT    NOT NULL,
    chat_id     INTEGER NOT NULL,
    access_hash INTEGER,           -- NULL where Telegram has not given one
    asked       TEXT    NOT NULL DEFAULT '', -- the username Telegram was asked about last
    asked_at    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, chat_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE flood_waits (
    account TEXT    NOT NULL,
    method  TEXT    NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (account, method)
) STRICT, WITHOUT ROWID;

CREATE TABLE daily_sends (
    account TEXT    NOT NULL,
    day     TEXT    NOT NULL, -- 2006-01-02, UTC
    sent    INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;

-- An account knows people by id alone, whichever bot has seen their username.
CREATE INDEX chats_named ON chats (chat_id) WHERE username <> '';
