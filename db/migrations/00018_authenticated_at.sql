-- When the user signed in at the server, as the server says on starting a link; 0 if it does not.
-- For whom a code with purpose link was asked: each user has a share of the codes that a chat gets. Empty if the caller names nobody.

-- +goose Up
ALTER TABLE links ADD COLUMN authenticated_at INTEGER NOT NULL DEFAULT 0;
