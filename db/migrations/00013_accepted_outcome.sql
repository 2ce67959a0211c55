-- A send that Telegram accepted has the outcome "accepted"; it was called "taken".

-- +goose Up
UPDATE attempts SET outcome = 'accepted' WHERE outcome = 'taken';
