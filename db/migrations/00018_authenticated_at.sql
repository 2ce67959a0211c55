-- When the user signed in at the server, as the server says on starting a link; 0 if it does not.
-- The user for whom the caller asked for a code to a handle; empty if it named nobody. Each user has a share of the codes that a chat gets.

-- +goose Up
ALTER TABLE links ADD COLUMN authenticated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN asked_for TEXT NOT NULL DEFAULT '';
ALTER TABLE waiting_codes ADD COLUMN asked_for TEXT NOT NULL DEFAULT '';
