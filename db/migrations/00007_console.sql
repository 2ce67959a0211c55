-- +goose Up
-- Who did it, where a person at the console did: "console:" and the name of the key. Empty where the server, the chat or telegate itself did.
ALTER TABLE audit ADD COLUMN actor TEXT NOT NULL DEFAULT '';
