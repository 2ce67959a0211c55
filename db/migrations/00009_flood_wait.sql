-- When a bot's flood wait was asked for, so that a clock set back does not make it longer.

-- +goose Up
ALTER TABLE bots ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0;
