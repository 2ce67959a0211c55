// Telegram handles as MeshCentral stores them: free text of users and administrators.
'use strict';

const PREFIX = 'telegram:'; // of a Telegram handle in MeshCentral
const LONGEST = 128; // characters; a longer handle, which an administrator can set, is none

// handleOf is a user's Telegram handle in MeshCentral, "@alice"; empty if there is none, or one of another service.
function handleOf(user) {
  const { msghandle } = user;
  if (typeof msghandle !== 'string' || !msghandle.startsWith(PREFIX) || msghandle.length > PREFIX.length + LONGEST) return '';
  return msghandle.slice(PREFIX.length);
}

// nameOf normalizes a handle: "@alice", "@@Alice" and "@https://t.me/alice" are equal.
function nameOf(handle) {
  return handle.trim().toLowerCase().replace(/^@+/, '').replace(/^(https?:\/\/)?(www\.)?(t|telegram)\.me\//, '').replace(/^@+|\/+$/g, '');
}

// A username or a chat id, alone or in one of the links that telegate reads.
const NAME = /^@*\s*(tg:(\/\/)?resolve\?domain=|(https?:\/\/)?(www\.)?((t|telegram)\.me\/|telegram\.dog\/)?@*)-?\w{3,32}(\.t\.me)?\/*([?&][\w=&%-]*)?\s*$/i;

// canBeName reports whether a handle is a username or a chat id, so that telegate could find its owner.
function canBeName(handle) { return handle.length <= LONGEST && NAME.test(handle.normalize('NFKC').replace(/\p{Cf}/gu, '')); }

module.exports = { PREFIX, canBeName, handleOf, nameOf };
