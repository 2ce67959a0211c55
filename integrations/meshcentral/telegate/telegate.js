// MeshCentral's plugin for telegate: "Telegram" appears as a messaging service everywhere in MeshCentral, and telegate delivers.
//
// MeshCentral makes and checks its codes itself and knows a person by the handle he typed. telegate knows him by the number of the
// chat that has proven to be his. So what MeshCentral sends to a handle goes out by user here, and telegate is told who has
// proven which handle. Nothing in this file may throw into MeshCentral or make it wait.
'use strict';

const crypto = require('crypto');
const path = require('path');
const { Connect } = require('./connect.js');
const { connect, Problem } = require('./gateway.js');
const { onWebUIStartupEnd } = require('./page.js');
const { Reports } = require('./reports.js');

const TELEGRAM = 1; // in the mask of services that MeshCentral's pages read
const PREFIX = 'telegram:';
const WAIT = 5; // seconds until the sender is told that a message is on its way, if Telegram has not taken it before
const PROOF_LIFETIME = 15 * 60 * 1000; // a code proves nothing after that
const RETRY_USERS = 5000; // milliseconds until MeshCentral's database is asked again for its users

// What MeshCentral sends, by the function that sends it. The lifetimes are those of its codes, in seconds.
const KINDS = {
  verification: { lane: 'code', purpose: 'link', ttl: 120 },
  login: { lane: 'code', purpose: 'login', ttl: 300 },
  notice: { lane: 'alert', ttl: 3600 },
  direct: { lane: 'direct' },
};

class Plugin {
  constructor(server) {
    this.server = server;
    this.sending = null; // what MeshCentral is sending right now: its calls are synchronous down to telegramClient.sendMessage
    this.handles = new Map(); // user id → Telegram handle, as last seen
    this.held = []; // what happens before the handles are read from the database; null once they are
    this.proofs = new Map(); // "domain handle code" → the message that carried it
    this.confirming = ''; // the code that was typed to prove a handle; its event follows in the same turn
    this.firstCodes = new Map(); // user id → the code that proves his handle when he signs in with it
    this.elsewhere = false; // what is being told right now has happened on another server
    this.connecting = ''; // who has just been connected by the bot; his event follows in the same turn
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
    this.reports = new Reports({
      gateway: this.gateway, file: path.join(this.server.datapath, 'telegate-reports.json'),
      drop: (report, error) => this.givenUp(report, error),
    });
    this.attach(msgserver);
    this.connect = new Connect({
      gateway: this.gateway, requests: msgserver.telegateRequests, connected: (session, link) => this.connected(session, link),
    });
    this.server.AddEventDispatch(['*'], this);
    this.readHandles();
    this.probe();
  }

  // readHandles reads from the database which handles there are. MeshCentral reads its users at the same time and has none in memory when
  // it starts a plugin. An account without a known handle would look as if it had just been given one, and its link would be removed.
  readHandles() {
    const { db } = this.server;
    db.GetAllType('user', (error, users) => {
      if (this.retired) return;
      if (error || !Array.isArray(users)) {
        console.log(`telegate: MeshCentral's users cannot be read (${(error && error.message) || error}); trying again in ${RETRY_USERS / 1000} s`);
        return void setTimeout(() => this.readHandles(), RETRY_USERS).unref();
      }
      for (const user of users) this.handles.set(user._id, handleOf(user));
      const held = this.held;
      this.held = null;
      for (const act of held) this.guard(act);
    });
  }

  // attach puts the client on the messaging server. A second start, after an update on the Plugins page, takes the place of the first.
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
    if (!first) return;
    const during = (name, describe) => {
      const original = msgserver[name];
      msgserver[name] = function (...args) {
        const plugin = msgserver.telegate, before = plugin.sending;
        plugin.sending = before || describe(...args);
        try {
          return original.apply(this, args);
        } finally {
          plugin.sending = before;
        }
      };
    };
    during('sendMessagingCheck', (domain, to, code) => ({ kind: 'verification', domain: idOf(domain), code }));
    during('sendToken', (domain, to, code) => ({ kind: 'login', domain: idOf(domain), code }));
    during('sendDeviceNotify', (domain, name) => ({ kind: 'notice', domain: idOf(domain), name }));
    const across = () => Boolean((this.server.config.settings || {}).managecrossdomain);
    during('sendDeviceHelpRequest', (domain, name) => ({ kind: 'notice', domain: idOf(domain), name, across: across() }));
    during('sendMessage', (to, text, domain) => ({ kind: 'direct', domain: idOf(domain), across: across() }));
    // The event of a proven handle does not say with which code. MeshCentral has it in a cookie that it opens just before.
    const { decodeCookie } = this.server;
    this.server.decodeCookie = function (...args) {
      const cookie = decodeCookie.apply(this, args);
      if (cookie && cookie.a === 'verifyMessaging') msgserver.telegate.confirming = cookie.c;
      return cookie;
    };
    // Peered servers pass their events on to each other. Whoever made a change reports it; the others only look.
    const { DispatchEvent } = this.server;
    this.server.DispatchEvent = function (ids, source, event, fromPeer) {
      const plugin = msgserver.telegate, before = plugin.elsewhere;
      plugin.elsewhere = Boolean(fromPeer);
      try {
        return DispatchEvent.call(this, ids, source, event, fromPeer);
      } finally {
        plugin.elsewhere = before;
      }
    };
    // What a page asks of a plugin comes without the request, which says whether the session may change its account.
    const requests = msgserver.telegateRequests = new WeakMap(), handler = this.server.webserver.meshUserHandler;
    const { CreateMeshUser } = handler;
    handler.CreateMeshUser = function (parent, db, ws, req, ...more) {
      requests.set(ws, req);
      return CreateMeshUser.call(this, parent, db, ws, req, ...more);
    };
  }

  // probe says in MeshCentral's log and on its page of warnings whether the gateway can be worked with.
  async probe() {
    try {
      const { domains } = await this.gateway.call('GET', '/v1/domains');
      const known = new Set(domains.map((d) => d.id));
      const own = Object.entries(this.server.config.domains || {}).filter(([, d]) => !d.share); // the others only share a folder
      const missing = own.map(([id]) => id).filter((id) => !known.has(id));
      if (missing.length) this.warn(`telegate does not know, or the key may not use: ${missing.map((id) => `domain "${id}"`).join(', ')}`);
      const states = [...new Set(domains.map((d) => `${d.bot || 'a bot without a name yet'} is ${d.state || 'not there'}`))];
      console.log(`telegate: ${states.join(', ')}.`);
    } catch (problem) {
      this.warn(problem.message);
    }
  }

  // send is MeshCentral's way out to Telegram. It rejects with a string: MeshCentral shows an administrator nothing else.
  async send(to, text) {
    const about = this.sending || { kind: 'direct', domain: '', across: true };
    let user;
    try {
      user = this.userOf(about, to);
      await this.deliver(about, user, to, text);
    } catch (problem) {
      const sentence = plain(problem.message);
      if (about.kind !== 'direct') this.tell(about, user, to, sentence); // MeshCentral itself drops what these come to
      throw sentence; // eslint-disable-line no-throw-literal
    }
  }

  async deliver(about, user, to, text) {
    const { domain } = user || about;
    const message = { domain, text, ...KINDS[about.kind] };
    if (about.kind === 'verification') return this.code({ ...message, to }, (id) => this.remember(domain, to, about.code, id));
    if (!user) return void await this.message({ ...message, to });
    try {
      await this.message({ ...message, user: user._id });
    } catch (problem) {
      if (problem.kind !== 'recipient-unknown') throw problem;
      if (about.kind === 'notice') throw new Problem('this handle has not been proven to telegate; signing in with a code, or registering it again, does that.');
      // MeshCentral has a handle for him that telegate has no proof of: it is older than telegate, or an administrator has set it.
      // A code that he signs in with is the proof.
      if (about.kind === 'direct') return void await this.message({ ...message, to });
      await this.code({ ...message, to, purpose: 'link' }, (id) => this.firstCodes.set(user._id, { id, to, until: Date.now() + PROOF_LIFETIME }));
    }
  }

  // code sends a code that proves a handle, and passes on the id of its message. That is known before the message is there where the
  // person has not pressed Start: he gets the code if he does so in time, so it can still prove something.
  async code(body, known) {
    try {
      known(await this.message(body));
    } catch (problem) {
      if (problem.messageId) known(problem.messageId);
      throw problem;
    }
  }

  // message hands a message over and answers its id once Telegram has it, or after a while in which it has not failed.
  async message(body) {
    const idempotencyKey = crypto.randomUUID();
    const accepted = await this.gateway.call('POST', '/v1/messages', body, { wait: WAIT, idempotencyKey });
    if (['failed', 'expired', 'canceled'].includes(accepted.status)) {
      const { failure } = await this.gateway.call('GET', '/v1/messages/' + accepted.id);
      throw new Problem(failure ? failure.detail : `The message is ${accepted.status}.`, { status: 409, kind: 'not-delivered' });
    }
    return accepted.id;
  }

  remember(domain, to, code, id) {
    const now = Date.now();
    for (const [key, proof] of this.proofs) if (proof.until <= now) this.proofs.delete(key);
    this.proofs.set(proofKey(domain, to, code), { id, until: now + PROOF_LIFETIME });
  }

  // HandleEvent hears of everything that happens in MeshCentral.
  HandleEvent(source, event) {
    if (this.retired || typeof event !== 'object' || event === null) return;
    const act = this.actionOf(source, event);
    if (!act) return;
    if (this.held) this.held.push(act);
    else this.guard(act);
  }

  // actionOf answers what is to be done about an event. It may be done later, so all that holds in this turn alone is read here.
  actionOf(source, event) {
    const { elsewhere, connecting, confirming } = this;
    switch (event.action) {
      case 'accountchange': { // which a database that servers share tells all of them, besides
        const userid = event.account && event.account._id, proven = event.msgid === 156;
        const others = elsewhere || source === this.server.db || userid === connecting;
        return () => this.changed(userid, { proven, others, code: confirming });
      }
      case 'accountremove': return () => this.removed(event.userid, elsewhere);
      case 'login': return event.twoFactorType === 'messenger' ? () => this.signedIn(event.userid) : undefined;
    }
  }

  guard(act) {
    try {
      act();
    } catch (error) {
      console.log('telegate:', error);
    }
  }

  // changed compares a user's handle with the last that was seen. `proven` (event 156) says that the user has just typed `code` for it;
  // `others` that telegate hears of this change from another server or by another way.
  changed(userid, { proven, others, code }) {
    const user = this.server.webserver.users[userid];
    if (!user) return;
    const before = this.handles.get(userid) || '', now = handleOf(user);
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
    if (proof) this.link(user, handle, proof.id);
    else console.log(`telegate: ${user._id} has proven a handle with a code that was not sent from here; the next code he signs in with links him.`);
  }

  // connected gives MeshCentral the handle of somebody whom telegate has just linked by the bot, in the way MeshCentral itself does
  // with one that was proven. It is a label: everything goes out by user. An account without a username gets one that no username is.
  connected(session, link) {
    const { webserver, db } = this.server, user = webserver.users[session.user._id] || session.user;
    user.msghandle = PREFIX + (link.handle || `@${plain(link.name).slice(0, 64)} (no username, ${user.name})`);
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

  signedIn(userid) {
    const first = this.firstCodes.get(userid), user = this.server.webserver.users[userid];
    this.firstCodes.delete(userid);
    if (first && user && first.until > Date.now() && PREFIX + first.to === user.msghandle) this.link(user, first.to, first.id);
  }

  // removed always has the link removed. An account may be linked without a handle here, and a new account of the same name must never
  // find the link of the one before it.
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
      },
    });
  }

  unlink(userid) {
    const query = new URLSearchParams({ domain: userid.split('/')[1] || '', user: userid });
    this.reports.add({ method: 'DELETE', path: '/v1/messaging?' + query, about: userid });
  }

  // userOf finds whom MeshCentral means by a handle; nobody where a code has yet to prove it. Several accounts may have the same one, after
  // it has changed hands above all. A code tells them apart, and a notice says the name; a message that could be for either is for nobody.
  // `across` says that the domain may not be the addressee's: that of a message is the administrator's, and that of a help request the
  // device's, which are others where administrators may manage other domains.
  userOf(about, to) {
    if (about.kind === 'verification') return undefined;
    const named = this.users().filter((u) => u.msghandle === PREFIX + to && (about.kind !== 'notice' || u.name === about.name));
    const here = named.filter((u) => u.domain === about.domain);
    if (about.kind === 'login') return here.find((u) => u.otpmsg && u.otpmsg.k === about.code);
    const same = here.length && !about.across ? here : named;
    if (same.length > 1) {
      throw new Problem(`${same.length} accounts have this handle, and MeshCentral does not say which is meant, so nothing was sent. `
        + 'Give them handles of their own, or write from the console of telegate.');
    }
    return same[0];
  }

  users() { return Object.values((this.server.webserver && this.server.webserver.users) || {}); }

  // tell puts what went wrong where an administrator looks: MeshCentral's pages say that a code was sent whatever became of it.
  tell(about, user, to, sentence) {
    const what = about.kind === 'notice' ? 'A notice' : 'A code';
    this.event(user, (user || about).domain, `${what} for ${to} was not delivered: ${sentence}`);
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
    const what = report.method === 'POST' ? 'The handle was proven, but telegate has not linked it' : 'telegate was not told of a change of the handle';
    this.event(user, user ? user.domain : '', `${what}: ${error.message}`);
  }

  warn(sentence) {
    sentence = 'telegate: ' + plain(sentence);
    if (typeof this.server.addServerWarning === 'function') this.server.addServerWarning(sentence);
    else console.log(sentence);
  }
}

// handleOf is a user's Telegram handle as MeshCentral has it, "@alice"; empty where he has none, or one of another service.
function handleOf(user) {
  return typeof user.msghandle === 'string' && user.msghandle.startsWith(PREFIX) ? user.msghandle.slice(PREFIX.length) : '';
}

// nameOf makes the same of "@alice", "@@Alice" and "@https://t.me/alice".
function nameOf(handle) {
  return handle.trim().toLowerCase().replace(/^@+/, '').replace(/^(https?:\/\/)?(www\.)?(t|telegram)\.me\//, '').replace(/^@+|\/+$/g, '');
}

function proofKey(domain, handle, code) { return [domain, nameOf(handle), code].join(' '); }

function idOf(domain) { return (domain && typeof domain.id === 'string') ? domain.id : ''; }

// plain keeps a sentence to one line that no page takes for markup.
function plain(sentence) { return String(sentence).replace(/[<>]/g, '').replace(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, 500); }

module.exports.telegate = function (pluginHandler) {
  const plugin = new Plugin(pluginHandler.parent);
  return {
    exports: ['onWebUIStartupEnd'],
    onWebUIStartupEnd,
    plugin,
    // serveraction is what the page of "Connect Telegram" calls. Devices reach plugins too, through their agents, and have no user.
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
