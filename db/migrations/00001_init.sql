-- Times are Unix milliseconds, 0 or NULL where there is none yet. Ids of Telegram are 64-bit integers.
-- Sealed columns (AES-256-GCM, key outside the database): messages.body, updates.raw, answers.body.
-- Digests and MACs only: links.token_hash, links.binding, links.confirm_mac, verifications.binding, verifications.code_mac.

-- +goose Up
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE bots (
    bot_id     INTEGER PRIMARY KEY,
    username   TEXT    NOT NULL DEFAULT '',
    name       TEXT    NOT NULL DEFAULT '',
    next_update INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE updates (
    bot_id    INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    raw       BLOB,                -- sealed; NULL once handled
    fault     TEXT    NOT NULL DEFAULT '',
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, update_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX updates_open ON updates (bot_id, update_id) WHERE raw IS NOT NULL;
CREATE INDEX updates_stored ON updates (stored_at);

CREATE TABLE chats (
    bot_id      INTEGER NOT NULL,
    chat_id     INTEGER NOT NULL,
    type        TEXT    NOT NULL,
    username    TEXT    NOT NULL DEFAULT '' COLLATE NOCASE,
    named_at    INTEGER NOT NULL DEFAULT 0, -- since when the username is this chat's
    first_name  TEXT    NOT NULL DEFAULT '',
    last_name   TEXT    NOT NULL DEFAULT '',
    language    TEXT    NOT NULL DEFAULT '',
    blocked     INTEGER NOT NULL DEFAULT 0,
    muted_until INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bot_id, chat_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX chats_username ON chats (bot_id, username) WHERE username <> '';

CREATE TABLE links (
    id           TEXT PRIMARY KEY,
    domain       TEXT    NOT NULL,
    user         TEXT    NOT NULL,
    display_name TEXT    NOT NULL,
    locale       TEXT    NOT NULL,
    method       TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    reason       TEXT    NOT NULL,
    bot_id       INTEGER NOT NULL,
    chat_id      INTEGER NOT NULL,
    token_hash   BLOB,
    binding      BLOB,
    confirm_mac  BLOB,
    attempts     INTEGER NOT NULL DEFAULT 0,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    claimed_at   INTEGER NOT NULL DEFAULT 0,
    verified_at  INTEGER NOT NULL DEFAULT 0,
    ended_at     INTEGER NOT NULL DEFAULT 0,
    -- The link as a second factor: consecutive failures and the waits they cause.
    failures      INTEGER NOT NULL DEFAULT 0,
    wait_until    INTEGER NOT NULL DEFAULT 0,
    cooling_until INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX links_current ON links (domain, user) WHERE status IN ('verified', 'suspended');
CREATE UNIQUE INDEX links_token ON links (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX links_open ON links (domain, user) WHERE status IN ('pending', 'claimed');
CREATE INDEX links_started ON links (domain, user, created_at);
CREATE INDEX links_unproven ON links (created_at) WHERE verified_at = 0;
CREATE INDEX links_chat ON links (bot_id, chat_id, created_at) WHERE chat_id <> 0;

CREATE TABLE invitations (
    domain     TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    handle     TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain, user)
) STRICT, WITHOUT ROWID;

CREATE TABLE handles (
    domain     TEXT    NOT NULL,
    name       TEXT    NOT NULL COLLATE NOCASE,
    bot_id     INTEGER NOT NULL,
    chat_id    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (domain, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE verifications (
    id         TEXT PRIMARY KEY,
    domain     TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    link_id    TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    binding    BLOB,
    locale     TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    reason     TEXT    NOT NULL,
    reported   INTEGER NOT NULL DEFAULT 0,
    code_mac   BLOB,
    attempts   INTEGER NOT NULL,
    sends      INTEGER NOT NULL,
    message_id TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    location   TEXT    NOT NULL,
    network    TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    sent_at    INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX verifications_user ON verifications (domain, user, created_at);
CREATE INDEX verifications_network ON verifications (domain, network, created_at) WHERE network <> '';
CREATE INDEX verifications_message ON verifications (message_id);
CREATE INDEX verifications_pending ON verifications (domain, user) WHERE status = 'pending';
CREATE INDEX verifications_link ON verifications (link_id) WHERE status = 'pending';
CREATE INDEX verifications_created ON verifications (created_at);

CREATE TABLE messages (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT, -- the order of acceptance
    id         TEXT    NOT NULL UNIQUE,
    domain     TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    bot_id     INTEGER NOT NULL,
    chat_id    INTEGER NOT NULL,
    lane       TEXT    NOT NULL,
    purpose    TEXT    NOT NULL,
    silent     INTEGER NOT NULL,
    body       BLOB,               -- sealed; NULL once ended
    sent_parts INTEGER NOT NULL DEFAULT 0,
    attempts   INTEGER NOT NULL DEFAULT 0,
    dedupe     TEXT    NOT NULL,
    status     TEXT    NOT NULL,
    transport  TEXT    NOT NULL DEFAULT '',
    failure    TEXT    NOT NULL DEFAULT '',
    detail     TEXT    NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX messages_waiting ON messages (seq, lane) WHERE status IN ('queued', 'sending');
CREATE INDEX messages_dedupe ON messages (domain, chat_id, dedupe, created_at) WHERE dedupe <> '';
CREATE INDEX messages_codes ON messages (bot_id, chat_id, purpose, created_at) WHERE purpose <> '';
CREATE INDEX messages_ended ON messages (ended_at) WHERE ended_at <> 0;
CREATE INDEX messages_replies ON messages (ended_at) WHERE ended_at <> 0 AND purpose = 'reply';
CREATE INDEX messages_chat ON messages (bot_id, chat_id) WHERE status IN ('queued', 'sending');

-- How long Telegram wants quiet: from one chat, or (chat_id 0) from the whole bot.
CREATE TABLE pauses (
    bot_id  INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (bot_id, chat_id)
) STRICT, WITHOUT ROWID;

-- Answers kept for a repeated Idempotency-Key.
CREATE TABLE answers (
    key         BLOB PRIMARY KEY,  -- MAC over caller, path and key
    fingerprint BLOB    NOT NULL,  -- SHA-256 of the request's body
    status      INTEGER NOT NULL,
    header      TEXT    NOT NULL,
    body        BLOB    NOT NULL,  -- sealed
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX answers_created ON answers (created_at);

CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    event      TEXT    NOT NULL,
    domain     TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    subject    TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    ip         TEXT    NOT NULL,
    user_agent TEXT    NOT NULL,
    location   TEXT    NOT NULL
) STRICT;
CREATE INDEX audit_checks ON audit (domain, at) WHERE event = 'verification.checked';
CREATE INDEX audit_at ON audit (at);
