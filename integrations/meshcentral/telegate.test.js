// The plugin against a MeshCentral that has what the plugin touches, and a gateway that answers what a test wants.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const { Gateway, connect } = require('./telegate/gateway.js');
const { Reports } = require('./telegate/reports.js');
const { ALICE, domain, eventually, gateway, meshcentral, problem, sent } = require('./rig.js');

test('each kind of message has its lane and its lifetime', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@alice').otpmsg = { k: '222222' };
  mc.start();
  assert.equal(mc.msgserver.providers, 1);
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@@alice', '111111', null, done)), [true, undefined]);
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@alice', '222222', null, done)), [true, undefined]);
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', '<b>Grüße</b>\n2', domain, done)), [true, undefined]);
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessage('telegram:@nobody', 'console', { id: 'corp' }, done)), [true, undefined]);
  mc.msgserver.sendDeviceNotify(domain, 'alice', 'telegram:@alice');
  mc.msgserver.sendDeviceHelpRequest(domain, 'alice', 'telegram:@alice');
  await eventually('six messages are out', () => gw.calls.length === 6);
  assert.deepEqual(gw.calls.map((c) => c.body), [
    { domain: '', to: '@@alice', text: 'My Server verification code is: 111111', lane: 'code', purpose: 'link', ttl: 120 },
    { domain: '', user: ALICE, text: 'My Server access token is: 222222', lane: 'code', purpose: 'login', ttl: 300 },
    { domain: '', user: ALICE, text: '<b>Grüße</b>\n2', lane: 'direct' },
    { domain: 'corp', to: '@nobody', text: 'console', lane: 'direct' },
    { domain: '', user: ALICE, text: 'Connections: pc', lane: 'alert', ttl: 3600 },
    { domain: '', user: ALICE, text: 'Help Request from pc: please', lane: 'alert', ttl: 3600 },
  ].map((b) => JSON.parse(JSON.stringify(b))));
  for (const { headers } of gw.calls) {
    assert.equal(headers.authorization, 'Bearer tgk_test');
    assert.equal(headers.connection, 'close');
    assert.match(headers['idempotency-key'], /^[0-9a-f-]{36}$/);
  }
});

// reports are what the gateway has been told, a line each.
const reports = (gw) => gw.calls.map((c) => `${c.method} ${decodeURIComponent(c.path)}${c.body ? ' ' + c.body.handle : ''}`);

test('after a restart of MeshCentral a change of an account disconnects nobody', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user('user//vic', '@Vic (no username, vic)'); // connected by the bot
  mc.user('user//vib', '@vib_tg');
  mc.user('user//last', '@last_tg');
  const plugin = mc.boot();
  assert.deepEqual(mc.webserver.users, {});
  mc.queries.shift()(); // MeshCentral's own; it works from now on, and somebody adds both to a device group at once
  for (const id of ['user//vic', 'user//vib']) mc.changed(id, 78);
  assert.equal(plugin.handles.size, 0);
  mc.answer();
  for (const id of ['user//vic', 'user//vib']) mc.changed(id, 78); // and later
  mc.user('user//last'); // the only change of a handle, after which everything before has been told
  mc.changed('user//last', 20);
  await eventually('the change is told', () => gw.calls.length > 0);
  assert.deepEqual(reports(gw), ['DELETE /v1/messaging?domain=&user=user//last']);
});

test('after a restart of MeshCentral it is told what becomes of a handle, also what happens while it starts', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  for (const name of ['early', 'late', 'new', 'gone', 'bare']) mc.user('user//' + name, name === 'bare' ? undefined : `@${name}_tg`);
  mc.boot();
  const [own, users] = mc.queries.splice(0);
  own();
  const kept = structuredClone(mc.accounts);
  mc.user('user//early'); // taken away before the plugin knows that it was there
  mc.changed('user//early', 20);
  delete mc.webserver.users['user//gone'];
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: 'user//gone' });
  mc.accounts = kept; // what the database has answered
  users();
  mc.accounts = { ...mc.webserver.users };
  mc.user('user//late');
  mc.changed('user//late', 20);
  mc.user('user//new', '@newer_tg');
  mc.changed('user//new', 20);
  delete mc.webserver.users['user//bare']; // may be linked without a handle here
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: 'user//bare' });
  mc.user('user//gone'); // another person of that name
  mc.changed('user//gone', 18);
  await eventually('everything is told', () => gw.calls.length === 6);
  assert.deepEqual(reports(gw), [
    ...['early', 'gone', 'late', 'new'].map((name) => 'DELETE /v1/messaging?domain=&user=user//' + name),
    'PUT /v1/messaging @newer_tg', 'DELETE /v1/messaging?domain=&user=user//bare',
  ]);
});

test('a handle proven while MeshCentral starts is told, and a removal on another server is left to that server', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.user('user//bob', '@bob_tg');
  mc.boot();
  const [own, users] = mc.queries.splice(0);
  own();
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done));
  mc.prove(ALICE, '@alice', '111111');
  mc.decodeCookie({ a: 'verifyMessaging', c: '999999', p: 'telegram:@alice' }); // somebody else's, before the first is told
  delete mc.webserver.users['user//bob'];
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: 'user//bob' }, 'other server');
  users();
  await eventually('alice is told', () => gw.calls.length === 2);
  assert.deepEqual(reports(gw).slice(1), ['POST /v1/links @alice']);
  assert.equal(gw.calls[1].body.message, 'msg_1');
});

test('a database that cannot be read for a while is asked again, and nothing is acted on before', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@alice');
  const { GetAllType } = mc.db;
  const refusals = [[new Error('no connection')], [null, undefined]];
  mc.db.GetAllType = (type, func) => (refusals.length ? func(...refusals.shift()) : GetAllType(type, func));
  const plugin = mc.boot();
  mc.answer();
  mc.changed(ALICE, 78);
  assert.equal(plugin.held.length, 1);
  t.mock.timers.tick(5000);
  t.mock.timers.tick(5000);
  mc.answer();
  assert.equal(plugin.held, null);
  assert.equal(plugin.handles.get(ALICE), '@alice');
  t.mock.timers.reset();
  mc.user(ALICE);
  mc.changed(ALICE, 20);
  await eventually('the removal is told', () => gw.calls.length > 0);
  assert.equal(gw.calls[0].method, 'DELETE');
});

test('a plugin that is replaced knows the handles from memory, which is newer than the database may be', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@new');
  mc.start();
  mc.accounts = { [ALICE]: { ...mc.accounts[ALICE], msghandle: 'telegram:@old' } }; // the write is still on its way
  const plugin = mc.boot(); // the Plugins page has installed another version
  assert.equal(plugin.held, null);
  mc.changed(ALICE, 78);
  mc.answer();
  mc.webserver.users[ALICE].msghandle = '';
  mc.changed(ALICE, 20);
  await eventually('the removal is told', () => gw.calls.length > 0);
  assert.deepEqual(reports(gw), ['DELETE /v1/messaging?domain=&user=user//alice']);
});

test('what MeshCentral has while it starts is told as it was then, also if it changes again before the database answers', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@old');
  mc.boot();
  const [own, users] = mc.queries.splice(0);
  own();
  const kept = structuredClone(mc.accounts);
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@new', '111111', null, done));
  mc.prove(ALICE, '@new', '111111');
  mc.webserver.users[ALICE].msghandle = 'telegram:@edited'; // by an administrator
  mc.changed(ALICE, 20);
  mc.accounts = kept;
  users();
  await eventually('everything is told', () => gw.calls.length === 4);
  assert.deepEqual(reports(gw).slice(1), ['POST /v1/links @new', 'DELETE /v1/messaging?domain=&user=user//alice', 'PUT /v1/messaging @edited']);
});

test('a domain that the key may not use holds up no report of another domain', async (t) => {
  const gw = await gateway(t, {
    'DELETE /v1/messaging': (call) => (call.path.includes('corp') ? problem(403, 'domain-not-allowed', 'The key may not use this domain.') : [204]),
  });
  const mc = meshcentral(t, gw.url);
  mc.user('user/corp/nobody');
  mc.user(ALICE, '@alice');
  mc.start();
  delete mc.webserver.users['user/corp/nobody'];
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: 'user/corp/nobody' });
  mc.webserver.users[ALICE].msghandle = '';
  mc.changed(ALICE, 20);
  await eventually('both are told', () => gw.calls.length === 2);
  assert.deepEqual(reports(gw), ['DELETE /v1/messaging?domain=corp&user=user/corp/nobody', 'DELETE /v1/messaging?domain=&user=user//alice']);
  assert.deepEqual(mc.events.filter((e) => e.action === 'telegate'), []);
});

test('what went wrong reaches the administrator in a sentence', async (t) => {
  let answer;
  const gw = await gateway(t, {
    'POST /v1/messages': () => answer,
    'GET /v1/messages/msg_x': [200, { id: 'msg_x', failure: { reason: 'blocked_by_user', detail: 'The person has blocked the bot.' } }],
  });
  const mc = meshcentral(t, gw.url);
  mc.start();
  for (const [given, want] of [
    [problem(409, 'recipient-unknown', 'The person opens the bot in Telegram.', { start_url: 'https://t.me/SomeBot' }), 'The person opens https://t.me/SomeBot.'],
    [problem(422, 'validation-failed', 'Members cannot be accepted.', { errors: [{ pointer: '#/to', detail: 'not a username' }] }),
      'Members cannot be accepted. #/to: not a username.'],
    [problem(403, 'recipient-unproven', 'a <script>\nsentence'), 'a script sentence'],
    [[202, { id: 'msg_x', status: 'failed' }], 'The person has blocked the bot.'],
    [[502, 'Bad Gateway'], 'What answers at "url" is not telegate: HTTP 502.'],
    [[200, '<html>'], 'What answers at "url" is not telegate: HTTP 200.'],
    [[500, '[1]'], 'What answers at "url" is not telegate: HTTP 500.'],
  ]) {
    answer = given;
    assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'hello', domain, done)), [false, want]);
  }
  assert.deepEqual(mc.events, []); // the administrator has been told already

  // MeshCentral drops what becomes of a code, so it stands among the events; the code does not.
  mc.user(ALICE, '@alice').otpmsg = { k: '222222' };
  answer = problem(429, 'cooling-off', 'The user has said that a sign-in was not theirs.', { retry_after: 60 });
  assert.equal((await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@alice', '222222', null, done)))[0], false);
  assert.equal(mc.events.length, 1);
  assert.equal(mc.events[0].userid, ALICE);
  assert.match(mc.events[0].msg, /^A code for @alice was not delivered: The user has said/);
  assert.ok(!JSON.stringify(mc.events).includes('222222'));
});

test('whatever the gateway does, MeshCentral goes on, and soon', async (t) => {
  for (const answer of ['hang', 'cut', [202, 'x'.repeat(100 * 1024)]]) {
    const gw = await gateway(t, { 'POST /v1/messages': () => answer }), mc = meshcentral(t, gw.url);
    mc.start().gateway.timeout = 500;
    const from = Date.now();
    const [success, sentence] = await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done));
    assert.equal(success, false);
    assert.match(sentence, /^telegate does not answer at http:/);
    assert.ok(Date.now() - from < 5000);
    mc.msgserver.sendDeviceNotify(domain, 'alice', 'telegram:@alice'); // nobody waits for it, and nothing is unhandled
  }
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.start();
  await eventually('the gateway was asked', () => true);
  gw.server.closeAllConnections();
  await new Promise((resolve) => gw.server.close(resolve));
  const [success, sentence] = await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'hello', domain, done));
  assert.equal(success, false);
  assert.match(sentence, /ECONNREFUSED/);
  for (const event of [null, undefined, 'close', {}, { action: 'accountchange' }, { action: 'accountchange', account: {} }, { action: 'login' },
    { action: 'accountremove' }, { action: 'login', twoFactorType: 'messenger' }]) mc.DispatchEvent(['*'], mc, event);
});

test('a message that the gateway did not answer is sent again as the same', async (t) => {
  let n = 0;
  const gw = await gateway(t, { 'POST /v1/messages': () => (++n === 1 ? 'cut' : undefined) }), mc = meshcentral(t, gw.url);
  mc.start();
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'hello', domain, done)), [true, undefined]);
  assert.equal(gw.calls.length, 2);
  assert.equal(gw.calls[0].headers['idempotency-key'], gw.calls[1].headers['idempotency-key']);
});

test('a proven handle is told with the message that carried its very code', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  Object.assign(mc.user(ALICE), { realname: 'Alice', llang: 'de' });
  mc.user('user//bob');
  mc.start();
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@Alice', '111111', null, done)); // msg_1
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@Alice', '222222', null, done)); // msg_2, somebody else's
  mc.prove(ALICE, '@Alice', '111111');
  await eventually('alice is told', () => gw.calls.length === 3);
  assert.equal(`${gw.calls[2].method} ${gw.calls[2].path}`, 'POST /v1/links');
  const { authenticated_at: signedIn, ...told } = gw.calls[2].body;
  assert.ok(Math.abs(Date.now() - Date.parse(signedIn)) < 60_000, `signed in at ${signedIn}`);
  assert.deepEqual(told, {
    domain: '', user: ALICE, display_name: 'Alice', locale: 'de', handle: '@Alice', verified_by: 'caller', message: 'msg_1',
  });

  for (const [handle, code] of [['@alice', '111111'], ['@bob', '333333']]) { // a code links once; and one sent from elsewhere links nobody
    mc.prove('user//bob', handle, code);
    await eventually('it is told', () => mc.msgserver.telegate.reports.waiting.length === 0);
  }
  delete mc.webserver.users[ALICE].msghandle;
  mc.changed(ALICE, 157);
  await eventually('the removal is told', () => gw.calls.at(-1).path.endsWith('alice'));
  const bob = ['GET', 'DELETE'].map((method) => method + ' /v1/messaging?domain=&user=user//bob');
  assert.deepEqual(reports(gw).slice(3), [...bob, ...bob, 'DELETE /v1/messaging?domain=&user=user//alice']);
});

test('a code that is confirmed while the gateway is away links once it is back', async (t) => {
  let away = false;
  const gw = await gateway(t, { 'POST /v1/links': () => (away ? 'cut' : undefined) }), mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  const plugin = mc.start();
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done)); // msg_1
  away = true;
  mc.prove(ALICE, '@alice', '111111');
  await eventually('it was tried again and again', () => gw.calls.length > 4);
  assert.deepEqual(plugin.reports.waiting.map((r) => [r.path, r.body.message]), [['/v1/links', 'msg_1']]);
  away = false;
  await eventually('it is told', () => plugin.reports.waiting.length === 0);
  const { method, path: where, body } = gw.calls.at(-1);
  assert.deepEqual([method, where, body.user, body.handle, body.message], ['POST', '/v1/links', ALICE, '@alice', 'msg_1']);
  assert.deepEqual(mc.events.filter((e) => e.action === 'telegate'), []); // nothing was given up
});

test("an administrator's edit is an invitation, and ends the link", async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  const alice = mc.user('user/corp/alice', '@alice');
  mc.start();
  const told = () => eventually('it is told', () => mc.msgserver.telegate.reports.waiting.length === 0);
  const edit = async (handle) => {
    if (handle) alice.msghandle = handle;
    else delete alice.msghandle;
    mc.changed(alice._id, 66);
    await told();
  };
  await edit('telegram:@alice'); // something else was edited
  await edit('telegram:@@Alice'); // the same in other words
  await edit('telegram:@carol');
  await edit('ntfy:topic'); // another service: not ours any more
  await edit('telegram:@alice');
  await edit('');
  mc.user('user/corp/bob', '@bob');
  mc.changed('user/corp/bob', 66);
  await told();
  delete mc.webserver.users['user/corp/bob'];
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: 'user/corp/bob' });
  const who = 'DELETE /v1/messaging?domain=corp&user=user%2Fcorp%2F';
  const want = [who + 'alice', 'PUT @carol', who + 'alice', who + 'alice', 'PUT @alice', who + 'alice', who + 'bob', 'PUT @bob', who + 'bob'];
  await eventually('all is told', () => gw.calls.length >= want.length);
  assert.deepEqual(gw.calls.map((c) => (c.method === 'PUT' ? 'PUT ' + c.body.handle : `${c.method} ${c.path}`)), want);
});

test('what happens on a peered server is reported by that one', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE), bob = mc.user('user//bob', '@bob');
  mc.start();
  mc.changed(ALICE, 156, mc, true); // told by the other server, before the database has
  alice.msghandle = 'telegram:@alice';
  mc.changed(ALICE, undefined, mc.db); // told by the database
  delete bob.msghandle;
  mc.changed(bob._id, 157, null, true);
  alice.msghandle = 'telegram:@carol';
  mc.changed(ALICE, 66); // and this one has happened here
  await eventually('it is told', () => gw.calls.length === 2);
  assert.deepEqual(gw.calls.map((c) => `${c.method} ${c.body ? c.body.handle : c.path}`),
    ['DELETE /v1/messaging?domain=&user=user%2F%2Falice', 'PUT @carol']);
});

test('reports wait for the gateway, in their order, over a restart', async (t) => {
  let up = false;
  const gw = await gateway(t, {
    'DELETE /v1/messaging': () => (up ? problem(404, 'not-found', 'There is nobody.') : problem(503, 'storage-unavailable', 'The database takes nothing.')),
    'PUT /v1/messaging': () => (up ? [200, {}] : 'cut'),
  });
  const mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE, '@alice');
  let plugin = mc.start();
  alice.msghandle = 'telegram:@carol';
  mc.changed(ALICE, 66);
  await eventually('it was tried more than once', () => gw.calls.length > 2);
  assert.ok(gw.calls.every((c) => c.method === 'DELETE'));
  plugin.reports.stop();
  const file = path.join(mc.datapath, 'telegate-reports.json');
  assert.equal(fs.statSync(file).mode & 0o777, 0o600);
  assert.equal(JSON.parse(fs.readFileSync(file, 'utf8')).length, 2);

  up = true;
  mc.msgserver.telegate = undefined;
  mc.msgserver.telegramClient = null;
  plugin.retired = true;
  plugin = mc.start();
  await eventually('both are told', () => plugin.reports.waiting.length === 0);
  assert.deepEqual(gw.calls.slice(-2).map((c) => c.method), ['DELETE', 'PUT']);
  assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')), []);
});

test('reports that were stopped in the middle of one leave the rest to their successor', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'telegate-plugin-')), file = path.join(folder, 'reports.json');
  t.after(() => fs.rmSync(folder, { recursive: true }));
  for (const end of [(call) => call.resolve(null), (call) => call.reject(Object.assign(new Error('away'), { status: 0, retryAfter: 0 }))]) {
    const calls = [];
    const call = (method) => new Promise((resolve, reject) => calls.push({ method, resolve, reject }));
    const first = new Reports({ gateway: { call }, file, drop: assert.fail, pause: 1 });
    first.add({ method: 'DELETE', path: '/' });
    first.add({ method: 'PUT', path: '/' });
    first.stop();
    end(calls[0]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    first.run();
    assert.deepEqual(calls.map((c) => c.method), ['DELETE']);
    assert.deepEqual(JSON.parse(fs.readFileSync(file, 'utf8')).map((r) => r.method), ['DELETE', 'PUT']);
    fs.rmSync(file);
  }
});

test('a report that cannot be taken is told, and the next goes on', async (t) => {
  const gw = await gateway(t, { 'POST /v1/links': problem(409, 'proof-refused', 'The code is older than 15 minutes.', { reason: 'too_old' }) });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done));
  mc.prove(ALICE, '@alice', '111111');
  delete mc.webserver.users[ALICE].msghandle;
  mc.changed(ALICE, 157);
  await eventually('the removal is told', () => gw.calls.some((c) => c.method === 'DELETE'));
  const told = mc.events.filter((e) => e.action === 'telegate');
  assert.equal(told.length, 1);
  assert.match(told[0].msg, /has not linked it: The code is older/);

  const dropped = [];
  const late = new Reports({ gateway: { call: async () => { throw Object.assign(new Error('away'), { status: 0 }); } },
    file: path.join(mc.datapath, 'late.json'), drop: (report) => dropped.push(report.method), pause: 5 });
  late.add({ method: 'POST', path: '/v1/links', lifetime: 20 });
  await eventually('it is given up', () => dropped.length === 1);
  const nowhere = new Reports({ gateway: { call: async () => null }, file: path.join(mc.datapath, 'no', 'folder'), drop: (report) => dropped.push(report) });
  nowhere.add({ method: 'DELETE', path: '/' });
  await eventually('it went out from memory', () => nowhere.waiting.length === 0);
  assert.equal(dropped[1], null);
});

test('a handle that is older than telegate is proven by the first code that signs in', async (t) => {
  const gw = await gateway(t, {
    'POST /v1/messages': (c) => (!c.body.to ? problem(409, 'recipient-unknown', 'This user has no linked Telegram chat.') : undefined),
  });
  const mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE, '@alice');
  mc.start();
  const login = async (code) => {
    alice.otpmsg = { k: code };
    assert.deepEqual(await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@alice', code, null, done)), [true, undefined]);
  };
  await login('111111');
  assert.deepEqual(gw.calls.at(-1).body, { domain: '', to: '@alice', user: ALICE, text: 'My Server access token is: 111111', lane: 'code', purpose: 'link', ttl: 300 });
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: ALICE, twoFactorType: 'otp' }); // signed in with something else
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: 'user//bob', twoFactorType: 'messenger' });
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: ALICE, twoFactorType: 'messenger' });
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: ALICE, twoFactorType: 'messenger' });
  await eventually('alice is linked', () => gw.calls.some((c) => c.path === '/v1/links'));
  assert.deepEqual(gw.calls.filter((c) => c.path === '/v1/links').map((c) => [c.body.user, c.body.message]), [[ALICE, 'msg_1']]);

  await login('222222');
  alice.msghandle = 'telegram:@carol'; // an administrator was faster
  mc.changed(ALICE, 66);
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: ALICE, twoFactorType: 'messenger' });
  alice.msghandle = 'telegram:@alice';
  assert.equal(gw.calls.filter((c) => c.path === '/v1/links').length, 1);

  // Nothing but a code and an administrator's own message goes to a handle without proof.
  mc.events.length = 0;
  mc.msgserver.sendDeviceNotify(domain, 'alice', 'telegram:@alice');
  await eventually('it is told', () => mc.events.length === 1);
  assert.match(mc.events[0].msg, /^A notice for @alice was not delivered: this handle has not been proven/);
});

test('accounts with the same handle are told apart', async (t) => {
  let refused;
  const gw = await gateway(t, { 'POST /v1/messages': () => refused }), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@shared').otpmsg = { k: '111111' };
  mc.user('user//alice2', '@shared').otpmsg = { k: '222222' };
  mc.user('user/corp/alice', '@shared').otpmsg = { k: '222222' };
  mc.start();
  await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@shared', '222222', null, done));
  await sent(mc, (ms, done) => ms.sendToken({ id: 'corp' }, 'telegram:@shared', '222222', null, done));
  const [success, why] = await sent(mc, (ms, done) => ms.sendMessage('telegram:@shared', 'hello', domain, done)); // either could be meant
  assert.equal(success, false);
  assert.match(why, /^2 accounts have this handle/);
  mc.msgserver.sendDeviceNotify(domain, 'alice2', 'telegram:@shared');
  await eventually('all are out', () => gw.calls.length === 3);
  assert.deepEqual(gw.calls.map((c) => c.body.user || c.body.to), ['user//alice2', 'user/corp/alice', 'user//alice2']);

  // Who registers the handle besides them gets his code, and the reason where there is none; the event is about neither of them.
  const check = () => sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@shared', '333333', null, done));
  assert.deepEqual(await check(), [true, undefined]);
  assert.deepEqual([gw.calls[3].body.to, gw.calls[3].body.lane], ['@shared', 'code']);
  refused = problem(429, 'rate-limited', 'Five codes in ten minutes.');
  assert.deepEqual(await check(), [false, 'Five codes in ten minutes.']);
  assert.deepEqual(mc.events.map((e) => [e.userid, e.msg]), [[undefined, 'A code for @shared was not delivered: Five codes in ten minutes.']]);
});

// MeshCentral passes the domain of the administrator who writes, and that of the device for which help is asked; not the addressee's.
test('a message from another domain goes to the account that is meant, or nowhere', async (t) => {
  const CORP = 'user/corp/alice';
  let refused;
  const gw = await gateway(t, { 'POST /v1/messages': (c) => refused && refused(c) });
  const mc = meshcentral(t, gw.url, (c) => ({ ...c, settings: { managecrossdomain: ['user//admin'] } }));
  mc.user(CORP, '@alice');
  mc.start();
  const write = () => sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'hello', domain, done));
  const last = () => { const { domain: d, user, to } = gw.calls.at(-1).body; return { d, user, to }; };
  assert.deepEqual([await write(), last()], [[true, undefined], { d: 'corp', user: CORP, to: undefined }]);
  mc.msgserver.sendDeviceHelpRequest(domain, 'alice', 'telegram:@alice');
  await eventually('help is asked for', () => gw.calls.length === 2);
  assert.deepEqual(last(), { d: 'corp', user: CORP, to: undefined });

  // An event about what does not arrive is his, too; and a handle without proof is tried in his domain.
  refused = (c) => (c.body.user ? problem(409, 'recipient-unknown', 'This user has no linked Telegram chat.') : undefined);
  mc.msgserver.sendDeviceHelpRequest(domain, 'alice', 'telegram:@alice');
  await eventually('it is told', () => mc.events.length === 1);
  assert.deepEqual([mc.events[0].userid, mc.events[0].domain], [CORP, 'corp']);
  assert.deepEqual([await write(), last()], [[true, undefined], { d: 'corp', user: undefined, to: '@alice' }]);
  refused = undefined;

  // Somebody in the administrator's own domain has the handle as well. A notice says the name besides.
  mc.user('user//mallory', '@alice');
  const before = gw.calls.length;
  const [success, why] = await write();
  assert.equal(success, false);
  assert.match(why, /^2 accounts have this handle/);
  assert.equal(gw.calls.length, before);
  mc.msgserver.sendDeviceHelpRequest(domain, 'alice', 'telegram:@alice');
  await eventually('help is asked for', () => gw.calls.length === before + 1);
  assert.equal(last().user, CORP);
  mc.user(ALICE, '@alice');
  mc.msgserver.sendDeviceHelpRequest(domain, 'alice', 'telegram:@alice');
  await eventually('it is told', () => mc.events.length === 2);
  assert.match(mc.events[1].msg, /^A notice for @alice was not delivered: 2 accounts have this handle/);
  assert.equal(mc.events[1].userid, undefined);
  assert.equal(gw.calls.length, before + 1);

  // A notice of connections comes with the addressee's own domain, and so does everything where nobody manages other domains.
  mc.msgserver.sendDeviceNotify({ id: 'corp' }, 'alice', 'telegram:@alice');
  await eventually('the notice is out', () => gw.calls.length === before + 2);
  assert.equal(last().user, CORP);
  delete mc.webserver.users['user//mallory'];
  mc.config.settings = {};
  assert.deepEqual([await write(), last()], [[true, undefined], { d: '', user: ALICE, to: undefined }]);
  mc.msgserver.sendDeviceHelpRequest({ id: 'corp' }, 'alice', 'telegram:@alice');
  await eventually('help is asked for', () => gw.calls.length === before + 4);
  assert.equal(last().user, CORP);
});

test('a configuration that cannot work is told, and MeshCentral is left as it is', (t) => {
  for (const [change, want] of [
    [(c) => ({ ...c, messaging: undefined }), /needs "messaging"/],
    [(c) => ({ ...c, messaging: {} }), /needs "messaging"/],
    [(c) => ({ ...c, messaging: { ...c.messaging, telegram: {} } }), /remove "telegram"/],
    [(c) => ({ ...c, messaging: { telegate: { url: 'http://127.0.0.1:1' } } }), /needs "key"/],
    [(c) => ({ ...c, messaging: { telegate: { key: 'k', url: 'ftp://example.com' } } }), /url must be like/],
    [(c) => ({ ...c, messaging: { telegate: { key: 'k', url: 'nowhere' } } }), /url must be like/],
    [(c) => ({ ...c, messaging: { telegate: { keyfile: '/no/such/file' } } }), /keyfile names a file that cannot be read \(ENOENT\)/],
    [(c) => ({ ...c, messaging: { telegate: { key: 'k', cafile: '/no/such/file' } } }), /cafile names a file/],
  ]) {
    const mc = meshcentral(t, 'http://127.0.0.1:1', change);
    mc.start();
    assert.equal(mc.warnings.length, 1);
    assert.match(mc.warnings[0], want);
    if (mc.msgserver) assert.deepEqual([mc.msgserver.providers, mc.msgserver.telegramClient], [0, null]);
    assert.deepEqual(mc.dispatch, []);
  }
});

test('what the gateway lacks is told at the start', async (t) => {
  const few = await gateway(t, { 'GET /v1/domains': [200, { domains: [{ id: '', bot: '', state: 'connecting' }] }] });
  const mc = meshcentral(t, few.url, (c) => ({ ...c, domains: { ...c.domains, files: { share: '/srv' } } }));
  mc.start();
  await eventually('it is told', () => mc.warnings.length === 1);
  assert.match(mc.warnings[0], /: domain "corp"$/);
  const refused = await gateway(t, { 'GET /v1/domains': problem(401, 'invalid-credentials', 'Send a key that telegate knows.') });
  const other = meshcentral(t, refused.url);
  other.start();
  await eventually('it is told', () => other.warnings.length === 1);
  assert.match(other.warnings[0], /Send a key that telegate knows/);
});

test('an update on the Plugins page takes the place of what runs', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@alice');
  mc.start();
  mc.start();
  assert.equal(mc.msgserver.providers, 1);
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done));
  assert.equal(gw.calls.length, 1);
  mc.prove(ALICE, '@alice', '111111');
  await eventually('it is told once', () => gw.calls.length === 2);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(gw.calls.length, 2);
});

test('the gateway is reached on a unix socket, below a path, and over TLS with a private authority', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'telegate-plugin-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  const answer = (req, res) => { res.writeHead(200); res.end(JSON.stringify({ path: req.url })); };
  const listen = (server, ...where) => new Promise((resolve) => { t.after(() => server.close()); server.listen(...where, () => resolve(server.address().port)); });
  const socket = path.join(folder, 'api.sock');
  await listen(http.createServer(answer), socket);
  assert.deepEqual(await new Gateway({ url: 'unix:' + socket, key: 'k' }).call('GET', '/v1/domains'), { path: '/v1/domains' });
  const port = await listen(http.createServer(answer), 0, '127.0.0.1');
  assert.deepEqual(await new Gateway({ url: `http://127.0.0.1:${port}/telegate/`, key: 'k' }).call('GET', '/v1/domains'), { path: '/telegate/v1/domains' });

  const pem = (name) => fs.readFileSync(path.join(__dirname, 'testdata', name), 'utf8');
  const tls = await listen(https.createServer({ key: pem('localhost.key'), cert: pem('localhost.crt') }, answer), 0, '127.0.0.1');
  fs.writeFileSync(path.join(folder, 'key'), 'tgk_test\n');
  const table = { url: `https://localhost:${tls}`, keyfile: path.join(folder, 'key') };
  const trusting = connect({ ...table, cafile: path.join(__dirname, 'testdata', 'localhost.crt') });
  assert.equal(trusting.headers.Authorization, 'Bearer tgk_test');
  assert.deepEqual(await trusting.call('GET', '/v1/domains'), { path: '/v1/domains' });
  await assert.rejects(new Gateway({ url: table.url, key: 'k', retryAfter: 1 }).call('GET', '/v1/domains'), /DEPTH_ZERO_SELF_SIGNED_CERT/);

  const silent = await listen(net.createServer(() => {}), 0, '127.0.0.1'); // takes connections and says nothing
  const from = Date.now();
  await assert.rejects(new Gateway({ url: `http://127.0.0.1:${silent}`, key: 'k', timeout: 50, retryAfter: 5 }).call('GET', '/'), /no answer in time/);
  assert.ok(Date.now() - from < 5000);
});
