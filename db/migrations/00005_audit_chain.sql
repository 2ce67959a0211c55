-- The audit as a chain: each entry's MAC covers the entry and the MAC before it (chain.go). Messages know the request that made them.

-- +goose Up
ALTER TABLE audit ADD COLUMN mac BLOB;  -- NULL: written before there was a chain

-- Where each strand of the chain begins (behind what has been pruned) and ends. The seal is a MAC over the row.
CREATE TABLE audit_ends (
    strand INTEGER NOT NULL,
    place  TEXT    NOT NULL,  -- start or head
    seq    INTEGER NOT NULL,  -- of the entry
    mac    BLOB    NOT NULL,  -- of the entry
    at     INTEGER NOT NULL,  -- of a start: when the chain was begun
    seal   BLOB    NOT NULL,
    PRIMARY KEY (strand, place)
) STRICT, WITHOUT ROWID;

-- Entries are pruned in their order, which is that of the table itself.
DROP INDEX audit_at;
CREATE INDEX audit_refusals ON audit (seq) WHERE event = 'message.refused';

ALTER TABLE messages ADD COLUMN request TEXT NOT NULL DEFAULT '';  -- the API request, or the update, that made it
