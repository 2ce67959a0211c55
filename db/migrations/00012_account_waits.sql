-- When a wait over MTProto was asked for, so that a clock set back does not make it longer.

-- +goose Up
ALTER TABLE flood_waits ADD COLUMN asked_at INTEGER NOT NULL DEFAULT 0; -- 0: not known
