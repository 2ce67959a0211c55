-- DO NOT EDIT. A database as version 3 of the schema wrote it, with its key file's content in migrate_test.go.
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
INSERT INTO goose_db_version VALUES(3,2,1,'2026-11-26 04:48:03');
INSERT INTO goose_db_version VALUES(4,3,1,'2026-11-26 04:48:03');
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
, broadcast TEXT NOT NULL DEFAULT '', suppressed INTEGER NOT NULL DEFAULT 0, suppressed_at INTEGER NOT NULL DEFAULT 0, resent_as TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO messages VALUES(1,'msg_v1','','alice',2000000002,5000000001,'direct','',0,X'4a0fe6c3da374bdd8f0b235cdeb0dc3812c654c3a4b66f10f3dde0b49d8222bd438ecf1e118d4b170b74a21effe2016ef39ef5c0e2b1d3cd066cf72b1ba5631e3291158ea2a85cbde1f3f4ee95196283c852',0,0,'','queued','','','',1793610000000,1793613600000,0,'',0,0,'');
INSERT INTO messages VALUES(2,'msg_v3','','alice',2000000002,5000000001,'direct','',0,X'34934e600616155c6628555ede13159ca01313db8b288032e22a8911bb4ca7d3d17c13cd07c4434516e800b36261fece005062fcd8cd996ba439e8490380e28855e045f143a7b308fd15688947ca53a71e6302b39547b39c7d8482907b54d2246c6a3b17744d',0,1,'','failed','','no_rights','The bot may not write there.',1793610000000,1793613600000,1793610001000,'',0,0,'');
CREATE TABLE pauses (
    bot_id  INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    until   INTEGER NOT NULL, asked_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (bot_id, chat_id)
) STRICT, WITHOUT ROWID;
INSERT INTO pauses VALUES(2000000002,5000000001,1793613600000,1793610000000);
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
, purpose TEXT NOT NULL DEFAULT '') STRICT;
INSERT INTO audit VALUES(1,1793610000000,'verification.created','','alice','ver_v1','login','','','','');
CREATE TABLE attempts (
    message_id TEXT    NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    n          INTEGER NOT NULL,  -- the how manieth of the message, from 1
    at         INTEGER NOT NULL,
    took       INTEGER NOT NULL,  -- milliseconds
    part       INTEGER NOT NULL,  -- of the message, from 0
    transport  TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,  -- taken, unknown, or the class of the error
    reason     TEXT    NOT NULL,  -- of a failure, as in messages.failure
    detail     TEXT    NOT NULL,
    PRIMARY KEY (message_id, n)
) STRICT, WITHOUT ROWID;
INSERT INTO attempts VALUES('msg_v3',1,1793610000000,50,0,'bot','recipient_permanent','no_rights','The bot may not write there.');
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
INSERT INTO broadcasts VALUES('bc_v3','',X'5a181f6b0abd240193cd9c4d410f03b2cd0d9cfa8638e86c77b21ec67f90f368248285dd58d9c1e9c37a256ebdbae027a4b7f059119900945ce98ad19f84c0582f4e750058b51c4e13f979a16fc676873b',0,0,'scheduled',2,0,0,'','',3600000,1793610000000,1793610000000,0);
CREATE TABLE audience (
    broadcast TEXT    NOT NULL REFERENCES broadcasts (id) ON DELETE CASCADE,
    piece     INTEGER NOT NULL,
    size      INTEGER NOT NULL,  -- how many users
    users     TEXT    NOT NULL,  -- JSON
    PRIMARY KEY (broadcast, piece)
) STRICT, WITHOUT ROWID;
INSERT INTO audience VALUES('bc_v3',0,2,'["alice","bob"]');
CREATE TABLE sessions (
    account  TEXT    PRIMARY KEY,
    data     BLOB    NOT NULL, -- sealed
    saved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO sessions VALUES('user',X'78b9f498424f48932b93942b19cdac53c4e8cdb47fb56d59452d349c84cc2d7da3a16e2307aacebfdd9aaf98c135fb9a',1793610000000);
CREATE TABLE peers (
    account     TEXT    NOT NULL,
    chat_id     INTEGER NOT NULL,
    access_hash INTEGER,           -- NULL where Telegram has not given one
    asked       TEXT    NOT NULL DEFAULT '', -- the username Telegram was asked about last
    asked_at    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account, chat_id)
) STRICT, WITHOUT ROWID;
INSERT INTO peers VALUES('user',5000000001,71,'alice',1793610000000);
CREATE TABLE flood_waits (
    account TEXT    NOT NULL,
    method  TEXT    NOT NULL,
    until   INTEGER NOT NULL,
    PRIMARY KEY (account, method)
) STRICT, WITHOUT ROWID;
INSERT INTO flood_waits VALUES('user','messages.sendMessage',4949283600000);
CREATE TABLE daily_sends (
    account TEXT    NOT NULL,
    day     TEXT    NOT NULL, -- 2006-01-02, UTC
    sent    INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    PRIMARY KEY (account, day)
) STRICT, WITHOUT ROWID;
INSERT INTO daily_sends VALUES('user','2026-11-02',2,1793610000000);
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('goose_db_version',4);
INSERT INTO sqlite_sequence VALUES('messages',2);
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
CREATE INDEX audit_at ON audit (at);
CREATE INDEX messages_broadcast ON messages (broadcast, status, failure) WHERE broadcast <> '';
CREATE INDEX messages_recipients ON messages (broadcast, status, seq) WHERE broadcast <> '';
CREATE INDEX messages_user ON messages (domain, user, seq) WHERE user <> '';
CREATE INDEX messages_listed ON messages (domain, lane, status, seq) WHERE purpose <> 'reply';
CREATE INDEX messages_kept ON messages (ended_at) WHERE ended_at <> 0 AND body IS NOT NULL;
CREATE INDEX broadcasts_open ON broadcasts (send_at) WHERE ended_at = 0;
CREATE INDEX broadcasts_domain ON broadcasts (domain, created_at);
CREATE INDEX broadcasts_ended ON broadcasts (ended_at) WHERE ended_at <> 0;
CREATE INDEX audit_user ON audit (domain, user, at) WHERE user <> '';
CREATE INDEX audit_refused ON audit (at, domain) WHERE event = 'message.refused';
CREATE INDEX audit_logins ON audit (domain, at) WHERE event = 'verification.checked' AND purpose = 'login';
CREATE INDEX audit_outcomes ON audit (domain, outcome, at) WHERE event = 'verification.checked' AND purpose = 'login';
CREATE INDEX audit_tries ON audit (domain, user, outcome, at) WHERE event = 'verification.checked' AND purpose = 'login';
CREATE INDEX chats_named ON chats (chat_id) WHERE username <> '';
COMMIT;
