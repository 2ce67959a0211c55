-- What a search for users looks into: user id, handle and name of everybody who is linked or invited, folded (people.go), so that
-- upper and lower case are one. Triggers keep it, so that no way of writing can leave it behind; folded() is telegate's own function.

-- +goose Up
CREATE TABLE people (
    invited     INTEGER NOT NULL, -- 1: has an invitation; 0: has a link, verified or suspended
    domain      TEXT    NOT NULL,
    user        TEXT    NOT NULL,
    id          INTEGER NOT NULL, -- in people_grams
    folded_user TEXT    NOT NULL,
    handle      TEXT    NOT NULL,
    name        TEXT    NOT NULL,
    PRIMARY KEY (invited, domain, user)
) STRICT, WITHOUT ROWID;

INSERT INTO people (invited, domain, user, id, folded_user, handle, name)
SELECT invited, domain, user, row_number() OVER (ORDER BY invited, domain, user), folded(user), folded(handle), folded(name) FROM (
    SELECT 0 AS invited, l.domain, l.user, coalesce(c.username, '') AS handle, coalesce(c.first_name || ' ' || c.last_name, '') AS name
    FROM links l LEFT JOIN chats c ON c.bot_id = l.bot_id AND c.chat_id = l.chat_id WHERE l.status IN ('verified', 'suspended')
    UNION ALL
    SELECT 1, domain, user, handle, '' FROM invitations
);
CREATE UNIQUE INDEX people_id ON people (id);

-- Which three characters stand in whose row. Where in the row is not kept: whoever has all of them is looked at.
CREATE VIRTUAL TABLE people_grams USING fts5(
    folded_user, handle, name, content = 'people', content_rowid = 'id', detail = 'none', columnsize = 0, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO people_grams (people_grams, rank) VALUES ('secure-delete', 1); -- who goes leaves nothing behind in it
INSERT INTO people_grams (people_grams) VALUES ('rebuild');
INSERT INTO people_grams (people_grams) VALUES ('optimize'); -- in one piece; otherwise the first who link would wait for that

-- +goose StatementBegin
CREATE TRIGGER people_added AFTER INSERT ON people BEGIN
    INSERT INTO people_grams (rowid, folded_user, handle, name) VALUES (new.id, new.folded_user, new.handle, new.name);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER people_renamed AFTER UPDATE OF handle, name ON people WHEN old.handle <> new.handle OR old.name <> new.name BEGIN
    INSERT INTO people_grams (people_grams, rowid, folded_user, handle, name)
    VALUES ('delete', old.id, old.folded_user, old.handle, old.name);
    INSERT INTO people_grams (rowid, folded_user, handle, name) VALUES (new.id, new.folded_user, new.handle, new.name);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER people_removed AFTER DELETE ON people BEGIN
    INSERT INTO people_grams (people_grams, rowid, folded_user, handle, name)
    VALUES ('delete', old.id, old.folded_user, old.handle, old.name);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER link_added AFTER INSERT ON links WHEN new.status IN ('verified', 'suspended') BEGIN
    INSERT INTO people (invited, domain, user, id, folded_user, handle, name)
    SELECT 0, new.domain, new.user, (SELECT coalesce(max(id), 0) + 1 FROM people), folded(new.user),
        folded(coalesce(c.username, '')), folded(coalesce(c.first_name || ' ' || c.last_name, ''))
    FROM (SELECT 1) LEFT JOIN chats c ON c.bot_id = new.bot_id AND c.chat_id = new.chat_id;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER link_changed AFTER UPDATE OF status, chat_id ON links
WHEN (old.status IN ('verified', 'suspended')) <> (new.status IN ('verified', 'suspended')) OR old.chat_id <> new.chat_id BEGIN
    DELETE FROM people
    WHERE invited = 0 AND domain = old.domain AND user = old.user AND old.status IN ('verified', 'suspended');
    INSERT INTO people (invited, domain, user, id, folded_user, handle, name)
    SELECT 0, new.domain, new.user, (SELECT coalesce(max(id), 0) + 1 FROM people), folded(new.user),
        folded(coalesce(c.username, '')), folded(coalesce(c.first_name || ' ' || c.last_name, ''))
    FROM (SELECT 1) LEFT JOIN chats c ON c.bot_id = new.bot_id AND c.chat_id = new.chat_id
    WHERE new.status IN ('verified', 'suspended');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER link_removed AFTER DELETE ON links WHEN old.status IN ('verified', 'suspended') BEGIN
    DELETE FROM people WHERE invited = 0 AND domain = old.domain AND user = old.user;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER chat_added AFTER INSERT ON chats BEGIN
    UPDATE people SET handle = folded(new.username), name = folded(new.first_name || ' ' || new.last_name)
    WHERE invited = 0 AND (domain, user) IN (SELECT domain, user FROM links
        WHERE bot_id = new.bot_id AND chat_id = new.chat_id AND chat_id <> 0 AND status IN ('verified', 'suspended'));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER chat_renamed AFTER UPDATE OF chat_id, username, first_name, last_name ON chats
WHEN old.chat_id <> new.chat_id OR old.username <> new.username OR old.first_name <> new.first_name OR old.last_name <> new.last_name BEGIN
    UPDATE people SET handle = '', name = ''
    WHERE invited = 0 AND old.chat_id <> new.chat_id AND (domain, user) IN (SELECT domain, user FROM links
        WHERE bot_id = old.bot_id AND chat_id = old.chat_id AND chat_id <> 0 AND status IN ('verified', 'suspended'));
    UPDATE people SET handle = folded(new.username), name = folded(new.first_name || ' ' || new.last_name)
    WHERE invited = 0 AND (domain, user) IN (SELECT domain, user FROM links
        WHERE bot_id = new.bot_id AND chat_id = new.chat_id AND chat_id <> 0 AND status IN ('verified', 'suspended'));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER chat_removed AFTER DELETE ON chats BEGIN
    UPDATE people SET handle = '', name = ''
    WHERE invited = 0 AND (domain, user) IN (SELECT domain, user FROM links
        WHERE bot_id = old.bot_id AND chat_id = old.chat_id AND chat_id <> 0 AND status IN ('verified', 'suspended'));
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invitation_added AFTER INSERT ON invitations BEGIN
    INSERT INTO people (invited, domain, user, id, folded_user, handle, name)
    VALUES (1, new.domain, new.user, (SELECT coalesce(max(id), 0) + 1 FROM people), folded(new.user), folded(new.handle), '');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invitation_changed AFTER UPDATE OF handle ON invitations BEGIN
    UPDATE people SET handle = folded(new.handle) WHERE invited = 1 AND domain = new.domain AND user = new.user;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER invitation_removed AFTER DELETE ON invitations BEGIN
    DELETE FROM people WHERE invited = 1 AND domain = old.domain AND user = old.user;
END;
-- +goose StatementEnd
