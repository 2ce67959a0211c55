// MeshCentral's plugin for telegate: "Telegram" appears as a messaging service everywhere in MeshCentral, and telegate delivers.
//
// MeshCentral makes and checks its codes itself and identifies a user by the handle they typed. telegate identifies a user by the id
// of their proven chat. So the plugin sends a message for a handle to the user, and tells telegate who has proven which handle.
// Nothing in this file may throw into MeshCentral or block it.
'use strict';

const crypto = require('crypto');
const path = require('path');
const { Connect } = require('./connect.js');
const { Failures } = require('./failures.js');
const { connect, Problem } = require('./gateway.js');
const { PREFIX, canBeName, handleOf, nameOf } = require('./handles.js');
const { hook } = require('./hooks.js');
const { onWebUIStartupEnd } = require('./page.js');
const { Reports } = require('./reports.js');
const { oneLine, plain, whole } = require('./text.js');

const TELEGRAM = 1; // Telegram's bit in MeshCentral's mask of services
const SCOPES = ['link', 'send', 'invite']; // of the key
const WAIT = 5; // seconds to wait for Telegram to accept a message; after that the sender learns that it is on its way
const PROOF_LIFETIME = 15 * 60 * 1000; // how long a code proves a handle
const SHOWN = 64; // characters of a handle or a name in an event
const RETRY_USERS = 5000; // milliseconds before the next try to read MeshCentral's users

// MeshCentral's messages, by the function that sends them. ttl is the lifetime of its codes in seconds.
const KINDS = {
  verification: { lane: 'code', purpose: 'link', ttl: 120 },
  login: { lane: 'code', purpose: 'login', ttl: 300 },
  notice: { lane: 'alert', ttl: 3600 },
  direct: { lane: 'direct' },
};

class Plugin {
  constructor(server) {
    this.server = server;
    this.sending = null; // the current message of MeshCentral: its calls are synchronous down to telegramClient.sendMessage
    this.handles = new Map(); // user id → last known Telegram handle
    this.held = []; // events that arrive before the handles are read from the database; null afterwards
    this.proofs = new Map(); // "domain handle code" → the message with this code
    this.asking = ''; // the session of the web socket for which MeshCentral makes a code; it is sent in the same turn
    this.confirming = ''; // the code typed to prove a handle; its event follows in the same turn
    this.firstCodes = new Map(); // user id → the code that proves the handle when the user signs in with it
    this.elsewhere = false; // the current event happened on another server
    this.connecting = ''; // the user just connected by the bot; the event follows in the same turn
    this.failures = new Failures((sentence) => this.guard(() => this.event(undefined, '', sentence)));
  }

  start() {
    const { msgserver, config } = this.server;
    const table = config && config.messaging && config.messaging.telegate;
    if (!msgserver || typeof table !== 'object' || table === null) {
      return this.warn('config.json needs "messaging": { "telegate": { "url": "http://127.0.0.1:8080", "key": "…" } }; telegate meshcentral setup prints it');
    }
    if (config.messaging.telegram || (msgserver.telegramClient && !msgserver.telegate)) {
      return this.warn('remove "telegram" from "messaging" in config.json: MeshCentral talks to Telegram itself as long as it is there, and telegate does not');
    }
    try {
      this.gateway = connect(table);
    } catch (error) {
      return this.warn(error.message);
    }
    if (this.gateway.readable) {
      this.warn('"url" in messaging.telegate is http:// to another machine, so others on the network can read the key and the codes; use https:// there');
    }
    this.reports = new Reports({
      gateway: this.gateway, file: path.join(this.server.datapath, 'telegate-reports.json'),
      drop: (report, error) => this.givenUp(report, error),
    });
    this.attach(msgserver);
    this.connect = new Connect({
      gateway: this.gateway, requests: msgserver.telegateRequests, account: (userid) => this.server.webserver.users[userid],
      connected: (session, link) => this.connected(session, link), disconnect: (userid) => this.unlink(userid),
      pending: (userid) => this.held !== null || this.reports.pending(userid),
    });
    this.server.AddEventDispatch(['*'], this);
    const users = this.users(); // all of them, or none while MeshCentral starts
    if (users.length) this.know(users);
    else this.readHandles();
    this.probe();
  }

  // readHandles reads all handles from the database. MeshCentral has no users in memory when it starts a plugin, because it reads them
  // at the same time. Without this, an existing handle would look like a new one, and its link would be removed.
  readHandles() {
    if (this.retired) return;
    this.server.db.GetAllType('user', (error, users) => {
      if (this.retired || !this.held) return;
      if (error || !Array.isArray(users)) {
        console.log(`telegate: MeshCentral's users cannot be read (${(error && error.message) || error}); trying again in ${RETRY_USERS / 1000} s`);
        return void setTimeout(() => this.guard(() => this.readHandles()), RETRY_USERS).unref();
      }
      this.guard(() => this.know(users));
    });
  }

  know(users) {
    for (const user of users) if (user) this.handles.set(user._id, handleOf(user));
    const held = this.held;
    this.held = null;
    for (const act of held) this.guard(act);
  }

  // attach sets the client of the messaging server. A second start, after an update on the Plugins page, replaces the first.
  attach(msgserver) {
    const first = !msgserver.telegate;
    if (!first) {
      msgserver.telegate.reports.stop();
      this.server.RemoveEventDispatch(['*'], msgserver.telegate);
      msgserver.telegate.retired = true;
    }
    msgserver.telegate = this;
    msgserver.telegramClient = { sendMessage: (to, message) => msgserver.telegate.send(to, message.message) };
    msgserver.providers |= TELEGRAM;
    if (first) hook(this.server, () => msgserver.telegate);
  }

  // probe reports in MeshCentral's log and warnings whether the gateway works.
  async probe() {
    try {
      const { domains, scopes } = await this.gateway.call('GET', '/v1/domains');
      if (!Array.isArray(domains)) throw new Problem('What answers at "url" is not telegate.');
      const lacks = Array.isArray(scopes) ? SCOPES.filter((scope) => !scopes.includes(scope)) : []; // an older telegate does not say it
      if (lacks.length) this.warn(`add ${lacks.map((scope) => `"${scope}"`).join(' and ')} to "scopes" of the key in telegate.toml, then reload telegate`);
      const known = new Set(domains.map((d) => d.id));
      const own = Object.entries(this.server.config.domains || {}).filter(([, d]) => !d.share); // the others only share a folder and have no users
      const missing = own.map(([id]) => id).filter((id) => !known.has(id));
      if (missing.length) this.warn(`telegate does not know, or the key may not use: ${missing.map((id) => `domain "${id}"`).join(', ')}`);
      const states = [...new Set(domains.map((d) => `${d.bot || 'a bot without a name yet'} is ${d.state || 'not there'}`))];
      console.log(`telegate: ${states.join(', ')}.`);
    } catch (problem) {
      this.warn(problem.message);
    }
  }

  // send sends MeshCentral's messages to Telegram. It rejects with a string: MeshCentral shows an administrator only strings.
  async send(to, text) {
    const about = this.sending || { kind: 'direct', domain: '', across: true };
    let user;
    try {
      user = this.userOf(about, to);
      await this.deliver(about, user, to, text);
    } catch (problem) {
      const sentence = plain(problem.message);
      if (about.kind !== 'direct') this.tell(about, user, to, sentence); // MeshCentral ignores the result of these
      throw sentence; // eslint-disable-line no-throw-literal
    }
  }

  async deliver(about, user, to, text) {
    const { domain } = user || about;
    const message = { domain, text: about.kind === 'notice' ? oneLine(text) : whole(text), ...KINDS[about.kind] };
    if (about.kind === 'verification') return this.code({ ...message, to }, (id) => this.remember(domain, to, about.code, id));
    if (!user) return void await this.message({ ...message, to });
    try {
      await this.message({ ...message, user: user._id });
    } catch (problem) {
      if (problem.kind !== 'recipient-unknown') throw problem;
      if (about.kind === 'notice') throw new Problem('this handle has not been proven to telegate; signing in with a code, or registering it again, does that.');
      // telegate has no proof of this handle: it is older than telegate, or an administrator has set it. Signing in with a code is
      // the proof.
      if (about.kind === 'direct') return void await this.message({ ...message, to });
      await this.code({ ...message, to, user: user._id, purpose: 'link' }, (id) => this.firstCodes.set(user._id, { id, to, until: Date.now() + PROOF_LIFETIME }));
    }
  }

  // code sends a code that proves a handle, and calls known with the id of its message. If the user has not pressed Start yet, the id
  // is known before the message is sent: the user gets the code after Start, so it can still prove the handle.
  async code(body, known) {
    try {
      known(await this.message(body));
    } catch (problem) {
      if (problem.messageId) known(problem.messageId);
      throw problem;
    }
  }

  // message sends a message and returns its id when Telegram has accepted it, or after WAIT seconds without a failure.
  async message(body) {
    if (body.to !== undefined && !canBeName(body.to)) throw new Problem('this cannot be a Telegram username.');
    const idempotencyKey = crypto.randomUUID();
    const accepted = await this.gateway.call('POST', '/v1/messages', body, { wait: WAIT, idempotencyKey });
    if (!accepted || typeof accepted.id !== 'string') throw new Problem('What answers at "url" is not telegate.');
    if (['failed', 'expired', 'canceled'].includes(accepted.status)) {
      const { failure } = await this.gateway.call('GET', '/v1/messages/' + encodeURIComponent(accepted.id));
      throw new Problem(failure ? failure.detail : `The message is ${accepted.status}.`, { status: 409, kind: 'not-delivered' });
    }
    return accepted.id;
  }

  remember(domain, to, code, id) {
    const now = Date.now();
    for (const [key, proof] of this.proofs) if (proof.until <= now) this.proofs.delete(key);
    this.proofs.set(proofKey(domain, to, code), { id, until: now + PROOF_LIFETIME });
  }

  // HandleEvent gets all events of MeshCentral.
  HandleEvent(source, event) {
    if (this.retired || typeof event !== 'object' || event === null) return;
    const act = this.actionOf(source, event);
    if (!act) return;
    if (this.held) this.held.push(act);
    else this.guard(act);
  }

  // actionOf returns the action for an event. It may run later, so actionOf reads everything that is only valid in this turn.
  actionOf(source, event) {
    const { elsewhere, connecting, confirming } = this;
    switch (event.action) {
      case 'accountcreate': // by the database of several servers also with a handle
      case 'accountchange': { // a shared database also sends it to all servers
        const user = this.server.webserver.users[event.account && event.account._id], proven = event.msgid === 156;
        if (!user) return undefined;
        const now = handleOf(user), others = elsewhere || source === this.server.db || user._id === connecting;
        return () => this.changed(user, now, { proven, others, code: confirming });
      }
      case 'accountremove': {
        const { userid } = event;
        return () => this.removed(userid, elsewhere);
      }
      case 'login': {
        const { userid } = event, first = this.firstCodes.get(userid);
        return event.twoFactorType === 'messenger' ? () => this.signedIn(userid, first) : undefined;
      }
    }
  }

  guard(act) {
    try {
      act();
    } catch (error) {
      console.log('telegate:', error);
    }
  }

  // changed compares a user's handle with the last known one. `proven` (event 156): the user has just typed `code` for it. `others`:
  // another server, or other code here, reports this change to telegate.
  changed(user, now, { proven, others, code }) {
    const userid = user._id, before = this.handles.get(userid) || '';
    this.handles.set(userid, now);
    if (others) return;
    if (proven && now) return this.provenBy(user, now, code);
    if (now === before || nameOf(now) === nameOf(before)) return;
    this.firstCodes.delete(userid);
    this.unlink(userid);
    if (now) this.reports.add({ method: 'PUT', path: '/v1/messaging', body: { domain: user.domain, user: userid, handle: now }, about: userid });
  }

  provenBy(user, handle, code) {
    const key = proofKey(user.domain, handle, code), proof = this.proofs.get(key);
    this.proofs.delete(key);
    if (proof) return this.link(user, handle, proof.id);
    this.unlink(user._id, handle);
    if (!this.failures.allow('proof', user._id)) return;
    this.event(user, user.domain, `${user.name} has proven ${plain(handle, SHOWN)} with a code that this server did not send or that was used before. `
      + 'A link to another handle is removed; the next sign-in with a code links the user.');
  }

  // connected sets MeshCentral's handle of a user whom telegate has just linked by the bot, as MeshCentral does for a proven handle. It
  // is only a label: messages are sent by user. A Telegram account without a username gets a handle that cannot be a username.
  connected(session, link) {
    const { webserver, db } = this.server, user = webserver.users[session.user._id];
    const handle = typeof link.handle === 'string' && canBeName(link.handle) ? link.handle : `@${plain(link.name, SHOWN)} (no username, ${user.name})`;
    user.msghandle = PREFIX + handle;
    session.user.msghandle = user.msghandle;
    db.SetUser(user);
    this.connecting = user._id;
    try {
      this.server.DispatchEvent(['*', 'server-users', user._id], session, {
        etype: 'user', userid: user._id, username: user.name, account: webserver.CloneSafeUser(user), action: 'accountchange', msgid: 156,
        msgArgs: [user.name], msg: plain(`Verified messaging account of user ${user.name}`), domain: user.domain, ...(db.changeStream ? { noact: 1 } : {}),
      });
    } finally {
      this.connecting = '';
    }
  }

  signedIn(userid, first) {
    const user = this.server.webserver.users[userid];
    if (this.firstCodes.get(userid) === first) this.firstCodes.delete(userid);
    if (first && user && first.until > Date.now() && PREFIX + first.to === user.msghandle) this.link(user, first.to, first.id);
  }

  // removed always removes the link. An account can be linked without a handle here, and a new account with the same name must not
  // get the old account's link.
  removed(userid, elsewhere) {
    if (typeof userid !== 'string') return;
    this.handles.delete(userid);
    this.firstCodes.delete(userid);
    if (!elsewhere) this.unlink(userid);
  }

  link(user, handle, message) {
    this.reports.add({
      method: 'POST', path: '/v1/links', about: user._id, lifetime: PROOF_LIFETIME,
      body: {
        domain: user.domain, user: user._id, display_name: String(user.realname || user.name || '').slice(0, 256),
        locale: typeof user.llang === 'string' ? user.llang.slice(0, 35) : '', handle, verified_by: 'caller', message,
        authenticated_at: new Date().toISOString(), // signed in now; MeshCentral does not say since when
      },
    });
  }

  // unlink removes a user's link, except a link with the handle `unless`.
  unlink(userid, unless) {
    const query = new URLSearchParams({ domain: userid.split('/')[1] || '', user: userid });
    this.reports.add({ method: 'DELETE', path: '/v1/messaging?' + query, about: userid, unless });
  }

  // userOf finds the user of a handle; undefined for a code that is still to prove it. Several accounts can have the same handle, mostly
  // after it has changed its owner. A code identifies the account, and a notice contains the name; an ambiguous message is not sent.
  // `across`: the domain may not be the recipient's. For a message it is the administrator's domain, for a help request the device's,
  // and administrators may manage other domains.
  userOf(about, to) {
    if (about.kind === 'verification') return undefined;
    const named = this.users().filter((u) => u.msghandle === PREFIX + to && (about.kind !== 'notice' || u.name === about.name));
    const here = named.filter((u) => u.domain === about.domain);
    if (about.kind === 'login') return here.find((u) => u.otpmsg && u.otpmsg.k === about.code);
    const same = about.across ? named : here;
    if (same.length > 1) {
      const names = same.slice(0, 5).map((u) => u.name).join(', ');
      throw new Problem(`${same.length} accounts have this handle (${names}${same.length > 5 ? ', …' : ''}), and MeshCentral does not say which is meant, so nothing was sent. `
        + 'Give each its own handle, or write from telegate\'s console.');
    }
    return same[0];
  }

  users() { return Object.values((this.server.webserver && this.server.webserver.users) || {}); }

  // tell reports a failure as an event for administrators: MeshCentral's pages always say that the code was sent. For a new handle the
  // event names the user who has asked for the code.
  tell(about, user, to, sentence) {
    const { domain } = user || about, asker = user || about.asker;
    if (!this.failures.allow(about.kind, JSON.stringify([domain, asker && asker._id, nameOf(to)]))) return;
    const what = about.kind === 'notice' ? 'A notice' : 'A code';
    const handle = user || canBeName(to) ? ` for ${plain(to, SHOWN)}` : '';
    this.event(asker, domain, `${what}${handle} was not delivered: ${sentence}`);
  }

  event(user, domain, msg) {
    console.log('telegate: ' + plain(msg));
    this.server.DispatchEvent(['*', 'server-users'], this, {
      etype: 'user', action: 'telegate', msg: plain(msg), domain, ...(user ? { userid: user._id, username: user.name } : {}),
    });
  }

  givenUp(report, error) {
    if (!report) return console.log(`telegate: reports cannot be kept on disk (${error.code || error.message}); they go on in memory`);
    const user = this.server.webserver.users[report.about];
    // A link to an earlier handle must not get the codes. Without it, the next sign-in with a code links the user.
    if (report.method === 'POST' && user && handleOf(user) === report.body.handle) this.unlink(user._id, report.body.handle);
    if (!this.failures.allow('report', report.about + report.method)) return;
    const what = report.method === 'POST' ? 'The handle was proven, but telegate has not linked it' : 'telegate was not told of a change of the handle';
    this.event(user, user ? user.domain : '', `${what}: ${error.message}`);
  }

  warn(sentence) {
    sentence = 'telegate: ' + plain(sentence);
    if (typeof this.server.addServerWarning === 'function') this.server.addServerWarning(sentence);
    else console.log(sentence);
  }
}

function proofKey(domain, handle, code) { return [domain, nameOf(handle), code].join(' '); }

module.exports.telegate = function (pluginHandler) {
  const plugin = new Plugin(pluginHandler.parent);
  return {
    exports: ['onWebUIStartupEnd'],
    onWebUIStartupEnd,
    plugin,
    // serveraction handles the commands of "Connect Telegram". Devices can call it too, through their agents; they have no user.
    serveraction(command, session) {
      const { msgserver } = pluginHandler.parent;
      if (!msgserver || !msgserver.telegate || !session || !session.ws || !session.user) return;
      msgserver.telegate.connect.serve(command, session).catch((error) => console.log('telegate:', error));
    },
    server_startup() {
      try {
        plugin.start();
      } catch (error) {
        console.log('telegate:', error);
      }
    },
  };
};
