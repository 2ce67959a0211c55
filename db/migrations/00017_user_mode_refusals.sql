-- Without a bot nothing ends a suspension because of a refused message, so such a refusal suspends no link any more.

-- +goose Up
UPDATE links SET status = 'verified', reason = '' WHERE bot_id = 1 AND status = 'suspended' AND reason = 'blocked';
UPDATE chats SET blocked = 0 WHERE bot_id = 1;
