-- DO NOT EDIT. A database as version 1 of the schema wrote it, with its key file's content in migrate_test.go.
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version VALUES(1,0,1,'2026-11-23 20:22:14');
INSERT INTO goose_db_version VALUES(2,1,1,'2026-11-23 20:22:14');
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES('key_check',X'4292d89a5aff9209e26ae8b5c8a7960e20f4c03e6725d6e9715af6d3239d145e');
CREATE TABLE bots (
    bot_id     INTEGER PRIMARY KEY,
    username   TEXT    NOT NULL DEFAULT '',
    name       TEXT    NOT NULL DEFAULT '',
    next_update INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO bots VALUES(2000000002,'TestBot','Test Bot',8,0);
CREATE TABLE updates (
    bot_id    INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    raw       BLOB,                -- sealed; NULL once handled
    fault     TEXT    NOT NULL DEFAULT '',
    stored_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, update_id)
) STRICT, WITHOUT ROWID;
INSERT INTO updates VALUES(2000000002,7,X'625bb7ac16b4e5392ddce378beb8cd6d3fa3e8e4e8c97a2450ef83537e0c3b4ba2a18ad6fbea48117111f4','',1793610000000);
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
INSERT INTO chats VALUES(2000000002,5000000001,'private','alice',1793610000000,'Alice','','',0,0);
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
INSERT INTO links VALUES('lnk_v1','','alice','','','bot','verified','',2000000002,5000000001,NULL,NULL,NULL,0,1793610000000,1793610060000,0,1793610000000,0,0,0,0);
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
INSERT INTO verifications VALUES('ver_v1','','alice','lnk_v1','login',X'3f3af1ecebbd1410ab417ec0d27bbfcb5d340e177ae159b59fc8626c2dfd9175','','pending','',0,X'c8ef5cf070d5825410dffcb1e12fdbe3de2acc65ee58567edc8ddddf64e2ae6c',0,1,'msg_v1','','','','',1793610000000,1793610300000,1793610000000,0);
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
INSERT INTO messages VALUES(1,'msg_v1','','alice',2000000002,5000000001,'direct','',0,X'4a0fe6c3da374bdd8f0b235cdeb0dc3812c654c3a4b66f10f3dde0b49d8222bd438ecf1e118d4b170b74a21effe2016ef39ef5c0e2b1d3cd066cf72b1ba5631e3291158ea2a85cbde1f3f4ee95196283c852',0,0,'','queued','','','',1793610000000,1793613600000,0);
CREATE TABLE pauses (
    bot_id  INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (bot_id, chat_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE answers (
    key         BLOB PRIMARY KEY,  -- MAC over caller, path and key
    fingerprint BLOB    NOT NULL,  -- SHA-256 of the request's body
    status      INTEGER NOT NULL,
    header      TEXT    NOT NULL,
    body        BLOB    NOT NULL,  -- sealed
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
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
INSERT INTO audit VALUES(1,1793610000000,'verification.created','','alice','ver_v1','login','','','');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',2);
INSERT INTO sqlite_sequence VALUES('messages',1);
INSERT INTO sqlite_sequence VALUES('audit',1);
CREATE INDEX updates_open ON updates (bot_id, update_id) WHERE raw IS NOT NULL;
CREATE INDEX updates_stored ON updates (stored_at);
CREATE UNIQUE INDEX chats_username ON chats (bot_id, username) WHERE username <> '';
CREATE UNIQUE INDEX links_current ON links (domain, user) WHERE status IN ('verified', 'suspended');
CREATE UNIQUE INDEX links_token ON links (token_hash) WHERE token_hash IS NOT NULL;
CREATE INDEX links_open ON links (domain, user) WHERE status IN ('pending', 'claimed');
CREATE INDEX links_started ON links (domain, user, created_at);
CREATE INDEX links_unproven ON links (created_at) WHERE verified_at = 0;
CREATE INDEX links_chat ON links (bot_id, chat_id, created_at) WHERE chat_id <> 0;
CREATE INDEX verifications_user ON verifications (domain, user, created_at);
CREATE INDEX verifications_network ON verifications (domain, network, created_at) WHERE network <> '';
CREATE INDEX verifications_message ON verifications (message_id);
CREATE INDEX verifications_pending ON verifications (domain, user) WHERE status = 'pending';
CREATE INDEX verifications_link ON verifications (link_id) WHERE status = 'pending';
CREATE INDEX verifications_created ON verifications (created_at);
CREATE INDEX messages_waiting ON messages (seq, lane) WHERE status IN ('queued', 'sending');
CREATE INDEX messages_dedupe ON messages (domain, chat_id, dedupe, created_at) WHERE dedupe <> '';
CREATE INDEX messages_codes ON messages (bot_id, chat_id, purpose, created_at) WHERE purpose <> '';
CREATE INDEX messages_ended ON messages (ended_at) WHERE ended_at <> 0;
CREATE INDEX messages_replies ON messages (ended_at) WHERE ended_at <> 0 AND purpose = 'reply';
CREATE INDEX messages_chat ON messages (bot_id, chat_id) WHERE status IN ('queued', 'sending');
CREATE INDEX answers_created ON answers (created_at);
CREATE INDEX audit_checks ON audit (domain, at) WHERE event = 'verification.checked';
CREATE INDEX audit_at ON audit (at);
COMMIT;
