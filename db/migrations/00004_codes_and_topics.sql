-- Codes for people who have not pressed Start yet, and the topics that programs write to people by.
-- Sealed: waiting_codes.body. Digest: topics.digest.

-- +goose Up
-- A code to prove a handle, until the holder of the handle presses Start or its time is over. The newest per handle and domain.
CREATE TABLE waiting_codes (
    bot_id     INTEGER NOT NULL,
    name       TEXT    NOT NULL COLLATE NOCASE, -- a username, without "@"
    domain     TEXT    NOT NULL,
    message_id TEXT    NOT NULL,                -- the id it has been promised under
    body       BLOB    NOT NULL,                -- sealed
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (bot_id, name, domain)
) STRICT, WITHOUT ROWID;
CREATE INDEX waiting_codes_over ON waiting_codes (expires_at);

-- The topic of a link is made from the link's id and the generation, under a key outside the database; it ends with the link.
CREATE TABLE topics (
    link_id    TEXT    PRIMARY KEY REFERENCES links (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    digest     BLOB,               -- SHA-256 of the topic; NULL where the person has switched it off
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX topics_digest ON topics (digest) WHERE digest IS NOT NULL;
