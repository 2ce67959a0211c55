// Helpers of the plugin's tests: a gateway with given answers, and the part of MeshCentral that the plugin uses.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');

const { telegate } = require('./telegate/telegate.js');

const ALICE = 'user//alice';

// gateway is a server that records calls and answers from `answers` by "METHOD /path", otherwise 202 for messages.
async function gateway(t, answers = {}) {
  const calls = [];
  let n = 0;
  const server = http.createServer((req, res) => {
    let text = '';
    req.on('data', (chunk) => { text += chunk; });
    req.on('end', () => {
      const call = { method: req.method, path: req.url, headers: req.headers, body: text ? JSON.parse(text) : undefined };
      const name = `${req.method} ${req.url.split('?')[0]}`;
      if (name !== 'GET /v1/domains') calls.push(call);
      let answer = answers[name];
      if (typeof answer === 'function') answer = answer(call);
      if (!answer) {
        answer = name === 'GET /v1/domains' ? [200, { domains: [{ id: '', bot: '@SomeBot', state: 'connected' }, { id: 'corp' }] }]
          : req.method === 'DELETE' ? [204] : name === 'POST /v1/messages' ? [202, { id: `msg_${++n}`, status: 'delivered' }] : [201, { id: 'lnk_1' }];
      }
      if (answer === 'hang') return;
      if (answer === 'cut') return req.socket.destroy();
      res.writeHead(answer[0], { 'Content-Type': 'application/json' });
      res.end(answer[1] === undefined ? '' : typeof answer[1] === 'string' ? answer[1] : JSON.stringify(answer[1]));
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => { server.closeAllConnections(); server.close(); });
  return { calls, server, url: `http://127.0.0.1:${server.address().port}` };
}

const problem = (status, kind, detail, more = {}) => [status, { type: '/problems/' + kind, title: kind, status, detail, ...more }];

// meshcentral is the part of MeshCentral 1.1.55 that the plugin uses.
function meshcentral(t, url, change = (config) => config) {
  const datapath = fs.mkdtempSync(path.join(os.tmpdir(), 'telegate-plugin-'));
  t.after(() => fs.rmSync(datapath, { recursive: true }));
  const mc = {
    datapath, warnings: [], events: [], dispatch: [],
    config: change({ domains: { '': {}, corp: {} }, messaging: { telegate: { url, key: 'tgk_test' } } }),
    saved: [],
    accounts: {}, // what the database has; the web server reads it while it starts
    queries: [], // what the database has been asked and has not answered yet
    db: {
      SetUser(user) { mc.saved.push(user._id); },
      GetAllType(type, func) { assert.equal(type, 'user'); mc.queries.push(() => func(null, structuredClone(Object.values(mc.accounts)))); },
    },
    webserver: {
      users: {}, meshUserHandler: { CreateMeshUser(parent, db, ws, req) { mc.sessions.push([ws, req]); } }, CloneSafeUser: (user) => ({ _id: user._id }),
      wssessions2: {},
    },
    sessions: [],
    addServerWarning(msg) { mc.warnings.push(msg); },
    AddEventDispatch(ids, target) { mc.dispatch.push(target); },
    RemoveEventDispatch(ids, target) { mc.dispatch = mc.dispatch.filter((d) => d !== target); },
    DispatchEvent(ids, source, event) { mc.events.push(event); for (const d of mc.dispatch) d.HandleEvent(source, event); },
    encodeCookie(cookie) { return cookie; },
    decodeCookie(cookie) { return cookie; },
  };
  const ms = {
    providers: 0, telegramClient: null,
    sendMessage(to, msg, domain, func) {
      (async () => {
        try {
          await ms.telegramClient.sendMessage(to.substring(9), { message: msg });
          if (func) func(true);
        } catch (ex) {
          if (func) func(false, ex);
        }
      })();
    },
    sendMessagingCheck(domain, to, code, language, func) { ms.sendMessage(to, 'My Server verification code is: ' + code, domain, func); },
    sendToken(domain, to, code, language, func) { ms.sendMessage(to, 'My Server access token is: ' + code, domain, func); },
    sendDeviceNotify(domain, name, to) { ms.sendMessage(to, 'Connections: pc', domain, null); },
    sendDeviceHelpRequest(domain, name, to) { ms.sendMessage(to, 'Help Request from pc: please', domain, null); },
  };
  mc.msgserver = mc.config.messaging ? ms : null;
  mc.user = (id, handle) => {
    const [, domain, name] = id.split('/');
    mc.accounts[id] = { _id: id, domain, name, ...(handle ? { msghandle: 'telegram:' + handle } : {}) };
    if (mc.loaded) mc.webserver.users[id] = mc.accounts[id];
    return mc.accounts[id];
  };
  // boot starts as MeshCentral does: the web server has asked for its users and has none yet when it calls the plugin.
  mc.boot = () => {
    if (!mc.loaded) mc.queries.push(() => { Object.assign(mc.webserver.users, mc.accounts); mc.loaded = true; });
    const plugin = mc.plugin = telegate({ parent: mc });
    plugin.server_startup();
    if (plugin.plugin.reports) {
      plugin.plugin.reports.firstPause = plugin.plugin.reports.pause = 5;
      plugin.plugin.gateway.retryAfter = 5;
      t.after(() => plugin.plugin.reports.stop());
    }
    return plugin.plugin;
  };
  mc.answer = () => { while (mc.queries.length) mc.queries.shift()(); };
  mc.start = () => {
    const plugin = mc.boot();
    mc.answer();
    return plugin;
  };
  // page is somebody's page with its web socket, as MeshCentral opens one; ask sends what the plugin's part of it sends.
  mc.page = (id, session = {}, request = {}) => {
    const user = mc.accounts[id], answers = [];
    const ws = { userid: id, sessionId: id + '/' + mc.sessions.length, send(text) { answers.push(JSON.parse(text)); } };
    mc.webserver.meshUserHandler.CreateMeshUser(mc.webserver, mc.db, ws, { session, headers: {}, query: {}, ...request }, {}, { id: user.domain }, user, {});
    mc.webserver.wssessions2[ws.sessionId] = ws;
    const page = { ws, user, domain: { id: user.domain }, answers };
    // register is what MeshCentral does for a handle that is typed into its own dialog.
    page.register = (handle, code = '111111') => {
      mc.encodeCookie({ a: 'verifyMessaging', c: code, p: 'telegram:' + handle, s: ws.sessionId });
      return sent(mc, (ms, done) => ms.sendMessagingCheck(page.domain, 'telegram:' + handle, code, null, done));
    };
    page.ask = async (step, more = {}) => {
      const before = answers.length;
      mc.plugin.serveraction({ action: 'plugin', plugin: 'telegate', step, serial: 1, ...more }, page, mc.webserver);
      await eventually('the page has its answer', () => answers.length > before);
      return answers.at(-1);
    };
    return page;
  };
  // prove is what MeshCentral does with the code a user types: it opens the cookie, sets the handle and tells everybody.
  mc.prove = (id, handle, code) => {
    mc.decodeCookie({ a: 'verifyMessaging', c: code, p: 'telegram:' + handle });
    mc.webserver.users[id].msghandle = 'telegram:' + handle;
    mc.changed(id, 156);
  };
  mc.changed = (id, msgid, source = mc, fromPeer = undefined) => mc.DispatchEvent(
    ['*'], source, { action: 'accountchange', msgid, account: { _id: id }, userid: 'user//admin' }, fromPeer);
  return mc;
}

const sent = (mc, send) => new Promise((resolve) => send(mc.msgserver, (success, msg) => resolve([success, msg])));
const domain = { id: '' };

async function eventually(what, holds) {
  for (let i = 0; i < 4000; i++) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail('waited in vain until ' + what);
}

module.exports = { ALICE, domain, eventually, gateway, meshcentral, problem, sent };
