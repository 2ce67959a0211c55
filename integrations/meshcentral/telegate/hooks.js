// What the plugin wraps in MeshCentral, once for all versions of the plugin that an update on the Plugins page loads. MeshCentral does
// not tell a messaging client which message it sends, to whom, or who has asked for it; the functions around the client know that.
'use strict';

// hook wraps MeshCentral's functions; current returns the plugin that runs.
function hook(server, current) {
  const { msgserver } = server;
  const during = (name, describe) => {
    const original = msgserver[name];
    msgserver[name] = function (...args) {
      const plugin = current(), before = plugin.sending;
      plugin.sending = before || describe(...args);
      try {
        return original.apply(this, args);
      } finally {
        plugin.sending = before;
      }
    };
  };
  const across = () => Boolean((server.config.settings || {}).managecrossdomain);
  during('sendMessagingCheck', (domain, to, code) => ({ kind: 'verification', domain: idOf(domain), code, asker: askerOf(server, current()) }));
  during('sendToken', (domain, to, code) => ({ kind: 'login', domain: idOf(domain), code }));
  during('sendDeviceNotify', (domain, name) => ({ kind: 'notice', domain: idOf(domain), name }));
  during('sendDeviceHelpRequest', (domain, name) => ({ kind: 'notice', domain: idOf(domain), name, across: across() }));
  during('sendMessage', (to, text, domain) => ({ kind: 'direct', domain: idOf(domain), across: across() }));
  // MeshCentral keeps the code for a handle in a cookie. It makes the cookie just before it sends the code, and opens it just before the
  // event of the proven handle; the message does not name the user, and the event does not contain the code.
  const { encodeCookie, decodeCookie } = server;
  server.encodeCookie = function (...args) {
    const [cookie] = args;
    if (cookie && cookie.a === 'verifyMessaging') current().asking = cookie.s;
    return encodeCookie.apply(this, args);
  };
  server.decodeCookie = function (...args) {
    const cookie = decodeCookie.apply(this, args);
    if (cookie && cookie.a === 'verifyMessaging') current().confirming = cookie.c;
    return cookie;
  };
  // Peered servers forward their events to each other. Only the server that made a change reports it.
  const { DispatchEvent } = server;
  server.DispatchEvent = function (ids, source, event, fromPeer) {
    const plugin = current(), before = plugin.elsewhere;
    plugin.elsewhere = Boolean(fromPeer);
    try {
      return DispatchEvent.call(this, ids, source, event, fromPeer);
    } finally {
      plugin.elsewhere = before;
    }
  };
  // A page's command reaches the plugin without the HTTP request, which is needed to check the session's rights.
  const requests = msgserver.telegateRequests = new WeakMap(), handler = server.webserver.meshUserHandler;
  const { CreateMeshUser } = handler;
  handler.CreateMeshUser = function (parent, db, ws, req, ...more) {
    requests.set(ws, req);
    return CreateMeshUser.call(this, parent, db, ws, req, ...more);
  };
}

// askerOf returns the user whose web socket has asked for the code that is sent now.
function askerOf({ webserver }, plugin) {
  const ws = (webserver.wssessions2 || {})[plugin.asking];
  plugin.asking = '';
  return ws && webserver.users[ws.userid];
}

function idOf(domain) { return (domain && typeof domain.id === 'string') ? domain.id : ''; }

module.exports = { hook };
