-- How the sign-ins of each day ended: what the login report draws, without a look at each of a million. Triggers keep it, so that
-- no way of writing or pruning the audit can leave it behind.

-- +goose Up
CREATE TABLE login_days (
    domain  TEXT    NOT NULL,
    day     INTEGER NOT NULL, -- days since 1970-01-01, UTC
    outcome TEXT    NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (domain, day, outcome)
) STRICT, WITHOUT ROWID;

INSERT INTO login_days (domain, day, outcome, count)
SELECT domain, at / 86400000, outcome, count(*) FROM audit
WHERE event = 'verification.checked' AND purpose = 'login' GROUP BY 1, 2, 3;

-- +goose StatementBegin
CREATE TRIGGER login_counted AFTER INSERT ON audit WHEN new.event = 'verification.checked' AND new.purpose = 'login' BEGIN
    INSERT INTO login_days (domain, day, outcome, count) VALUES (new.domain, new.at / 86400000, new.outcome, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER login_forgotten AFTER DELETE ON audit WHEN old.event = 'verification.checked' AND old.purpose = 'login' BEGIN
    UPDATE login_days SET count = count - 1
    WHERE domain = old.domain AND day = old.at / 86400000 AND outcome = old.outcome;
    DELETE FROM login_days WHERE domain = old.domain AND day = old.at / 86400000 AND outcome = old.outcome AND count <= 0;
END;
-- +goose StatementEnd
