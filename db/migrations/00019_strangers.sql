-- When a chat was last written about or found to be needed, so that those of people who have never linked can be deleted (prune.go);
-- further usernames of a chat; and when a link's chat was last told of wrong codes.

-- +goose Up
ALTER TABLE chats ADD COLUMN seen_at INTEGER NOT NULL DEFAULT 0;
UPDATE chats SET seen_at = unixepoch() * 1000;
CREATE INDEX chats_seen ON chats (seen_at);
CREATE INDEX handles_chat ON handles (chat_id);

ALTER TABLE links ADD COLUMN warned_at INTEGER NOT NULL DEFAULT 0;

-- The first username of a chat is in chats.
CREATE TABLE more_usernames (
    bot_id   INTEGER NOT NULL,
    username TEXT    NOT NULL COLLATE NOCASE,
    chat_id  INTEGER NOT NULL,
    named_at INTEGER NOT NULL, -- since when the username is this chat's
    PRIMARY KEY (bot_id, username)
) STRICT, WITHOUT ROWID;
CREATE INDEX more_usernames_chat ON more_usernames (bot_id, chat_id);
