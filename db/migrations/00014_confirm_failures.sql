-- Wrong confirm codes in a row, over all links: of a user (bot_id and chat_id are 0), and of a chat (domain and user are empty).

-- +goose Up
CREATE TABLE confirm_failures (
    domain     TEXT    NOT NULL,
    user       TEXT    NOT NULL,
    bot_id     INTEGER NOT NULL,
    chat_id    INTEGER NOT NULL,
    failures   INTEGER NOT NULL,
    wait_until INTEGER NOT NULL,
    failed_at  INTEGER NOT NULL,
    PRIMARY KEY (domain, user, bot_id, chat_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX confirm_failures_old ON confirm_failures (failed_at);
