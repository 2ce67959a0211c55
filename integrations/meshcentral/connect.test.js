// "Connect Telegram": the plugin's answers to its part of MeshCentral's page.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ALICE, domain, eventually, gateway, meshcentral, problem, sent } = require('./rig.js');

const STARTED = {
  id: 'lnk_1', start_url: 'https://t.me/SomeBot?start=TOKEN', start_command: '/start TOKEN', qr_svg: 'data:image/svg+xml;base64,AAAA',
};
const NOBODY = { linked: false, link: null };
const HERS = { linked: true, link: { id: 'lnk_1', status: 'verified', handle: '@alice', name: 'Alice' } };

test('a link is offered, followed and proven, and MeshCentral gets the handle', async (t) => {
  let messaging = NOBODY, followed;
  const gw = await gateway(t, {
    'GET /v1/messaging': () => [200, messaging],
    'POST /v1/links': [201, STARTED],
    'GET /v1/links/lnk_1': () => followed,
    'POST /v1/links/lnk_1/confirm': (c) => (c.body.code === '123456' ? [200, { verified: true, result: 'verified', attempts_remaining: 3 }]
      : [200, { verified: false, result: 'incorrect', attempts_remaining: 1 }]),
  });
  const mc = meshcentral(t, gw.url);
  Object.assign(mc.user(ALICE), { realname: 'Alice', llang: 'de' });
  mc.start();
  const page = mc.page(ALICE);
  const answer = { action: 'plugin', plugin: 'telegate', method: 'answer', serial: 1 };
  assert.deepEqual(await page.ask('bot'), { ...answer, step: 'bot', bot: 'SomeBot' }); // for the hint in MeshCentral's own dialog
  assert.deepEqual(await page.ask('start'), {
    ...answer, step: 'offered', url: STARTED.start_url, command: '/start TOKEN', qr: STARTED.qr_svg, bot: 'SomeBot', connected: '',
  });
  const { authenticated_at: signedIn, ...asked } = gw.calls.at(-1).body;
  assert.ok(Math.abs(Date.now() - Date.parse(signedIn)) < 60_000, `signed in at ${signedIn}`);
  assert.deepEqual(asked, {
    domain: '', user: ALICE, session_binding: page.ws.sessionId, display_name: 'Alice', locale: 'de',
  });

  followed = [200, { id: 'lnk_1', status: 'claimed', label: 'Alice (@alice)' }];
  assert.deepEqual(await page.ask('follow', { seen: 'pending' }), { ...answer, step: 'followed', status: 'claimed', label: 'Alice (@alice)' });
  assert.equal(gw.calls.at(-1).headers.prefer, 'wait=8');

  assert.deepEqual(await page.ask('confirm', { code: '111111' }), { ...answer, step: 'wrong', sentence: 'That is not the code. 1 try left.' });
  messaging = HERS;
  assert.deepEqual(await page.ask('confirm', { code: '123456' }), { ...answer, step: 'connected', label: 'Alice (@alice)' });
  assert.deepEqual(gw.calls.at(-2).body, { code: '123456', session_binding: page.ws.sessionId });
  assert.equal(mc.webserver.users[ALICE].msghandle, 'telegram:@alice');
  assert.deepEqual(mc.saved, [ALICE]);
  const [event] = mc.events;
  assert.deepEqual([event.action, event.msgid, event.userid], ['accountchange', 156, ALICE]);

  // telegate itself has linked, so it gets no report, and further messages are sent by user.
  const told = gw.calls.length;
  await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'hello', domain, done));
  assert.deepEqual(gw.calls.slice(told).map((c) => c.body.user), [ALICE]);
  delete mc.webserver.users[ALICE].msghandle;
  mc.changed(ALICE, 157);
  await eventually('the removal is told', () => gw.calls.at(-1).method === 'DELETE');
});

test('an account without a username gets a handle that nobody can have', async (t) => {
  const gw = await gateway(t, {
    'GET /v1/messaging': [200, { link: { ...HERS.link, handle: '', name: '<b>Alice' } }], 'POST /v1/links': [201, STARTED],
    'POST /v1/links/lnk_1/confirm': [200, { verified: true, result: 'verified' }],
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  assert.equal((await page.ask('start')).connected, '<b>Alice'); // the page shows it as text
  await page.ask('confirm', { code: '123456' });
  assert.equal(mc.webserver.users[ALICE].msghandle, 'telegram:@bAlice (no username, alice)');
});

test('a confirmation whose answer was lost is no failure, and somebody else\'s link is no success', async (t) => {
  let link = HERS.link;
  const gw = await gateway(t, {
    'GET /v1/messaging': () => [200, { link }], 'POST /v1/links': [201, STARTED],
    'POST /v1/links/lnk_1/confirm': [200, { verified: false, result: 'already_used' }],
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  await page.ask('start');
  assert.equal((await page.ask('confirm', { code: '123456' })).step, 'connected');
  link = { ...link, id: 'lnk_2' };
  await page.ask('start');
  assert.deepEqual((await page.ask('confirm', { code: '123456' })).sentence, 'This code has been used already.');
  link = null;
  assert.equal((await page.ask('confirm', { code: '123456' })).step, 'over');
});

// The page shows neither the address of the gateway nor its answers.
const AWAY = /^This does not work right now\. The administrator finds the reason in the server's log\.$/;

test('what went wrong is told in words', async (t) => {
  let start, result, followed;
  const gw = await gateway(t, {
    'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': () => start,
    'POST /v1/links/lnk_1/confirm': () => [200, { verified: false, result, attempts_remaining: 4 }], 'GET /v1/links/lnk_1': () => followed,
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  for (const [answer, want] of [
    [problem(409, 'needs-bot', 'This domain has no bot.'), /Use "Manage messaging"/],
    [problem(429, 'rate-limited', 'Too many links.', { retry_after: 61 }), /^Too many tries; wait 2 minutes\.$/],
    [problem(503, 'telegram-unavailable', 'Telegram has never told the bot\'s name yet.'), AWAY],
    ['cut', AWAY],
    [[200, '<html>'], AWAY],
  ]) {
    start = answer;
    const said = await page.ask('start');
    assert.equal(said.step, 'over');
    assert.match(said.sentence, want);
  }
  assert.equal((await page.ask('follow', { seen: 'pending' })).sentence, 'Start again.');
  assert.equal((await page.ask('confirm', { code: '123456' })).sentence, 'Start again.');
  start = [201, STARTED];
  await page.ask('start');
  assert.equal((await page.ask('confirm', { code: 123456 })).sentence, 'Start again.');
  for (const [given, step, want] of [
    ['incorrect', 'wrong', /4 tries left/], ['not_claimed', 'wrong', /tap Connect/], ['expired', 'over', /10 minutes/], ['exhausted', 'over', /Too many wrong/],
    ['denied', 'over', /Not me/], ['canceled', 'over', /started again/], ['binding_mismatch', 'over', /another window/], ['of_the_future', 'over', /of_the_future/],
  ]) {
    result = given;
    const said = await page.ask('confirm', { code: '123456' });
    assert.equal(said.step, step, given);
    assert.match(said.sentence, want);
  }
  followed = [200, { status: 'denied' }];
  assert.match((await page.ask('follow', { seen: 'claimed' })).sentence, /Not me/);
  followed = problem(500, 'internal-error', 'telegate has a fault.'); // for a moment
  mc.msgserver.telegate.connect.pause = 1;
  assert.deepEqual((await page.ask('follow', { seen: 'claimed' })).status, 'claimed');
  followed = problem(404, 'not-found', 'There is nothing with this id.');
  assert.match((await page.ask('follow', { seen: 'pending' })).sentence, AWAY);
});

test('no chat is connected while an earlier change of the account is on its way, which would disconnect it again', async (t) => {
  let away = true;
  const gw = await gateway(t, {
    'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': [201, STARTED],
    'DELETE /v1/messaging': () => (away ? problem(503, 'storage-full', 'Later.') : [204]),
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  mc.msgserver.telegate.reports.pause = 60000;
  delete mc.webserver.users[ALICE];
  mc.DispatchEvent(['*'], mc, { action: 'accountremove', userid: ALICE });
  mc.user(ALICE); // another person of that name
  await eventually('the gateway has refused the report', () => gw.calls.length === 1 && mc.msgserver.telegate.reports.timer);
  const page = mc.page(ALICE);
  away = false;
  const said = await page.ask('start');
  assert.equal(said.step, 'over');
  assert.match(said.sentence, /Try again in a minute/);
  await eventually('the report is made at once', () => mc.msgserver.telegate.reports.waiting.length === 0);
  assert.equal((await page.ask('start')).step, 'offered');
  assert.deepEqual(gw.calls.map((c) => c.method).filter((m) => m !== 'GET'), ['DELETE', 'DELETE', 'POST']);
});

test('a session that may not change its account connects nothing', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE);
  const early = mc.page(ALICE); // before the plugin was there
  mc.start();
  await eventually('the start is over', () => true);
  for (const [page, want] of [
    [early, /Reload this page/], [mc.page(ALICE, { loginToken: '~t:abc' }), /login token/],
    [Object.assign(mc.page(ALICE), { user: { ...alice, siteadmin: 1024 } }), /locked/],
    [Object.assign(mc.page(ALICE), { domain: { id: '', passwordrequirements: { lock2factor: true } } }), /locked/],
  ]) {
    for (const step of ['start', 'follow', 'confirm']) {
      const said = await page.ask(step, { code: '123456' });
      assert.equal(said.step, 'over');
      assert.match(said.sentence, want);
    }
  }
  assert.deepEqual(gw.calls, []);
  assert.equal(alice.msghandle, undefined);
});

test('a page follows and proves its own link only, and hurries nothing', async (t) => {
  let held;
  const gw = await gateway(t, { 'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': () => (held ? 'hang' : [201, STARTED]) });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.user('user//mallory');
  mc.start();
  const page = mc.page(ALICE), mallory = mc.page('user//mallory');
  await page.ask('start');
  assert.equal((await mallory.ask('confirm', { code: '123456', id: 'lnk_1' })).sentence, 'Start again.');
  assert.equal((await mallory.ask('follow', { seen: 'pending', id: 'lnk_1' })).sentence, 'Start again.');

  held = true;
  mc.msgserver.telegate.gateway.timeout = 300;
  for (const serial of [2, 3, 4]) mc.plugin.serveraction({ step: 'start', serial }, page);
  for (const step of [undefined, 'serve', 'constructor', 'refused', 7]) mc.plugin.serveraction({ step, serial: 9 }, page);
  await eventually('the page has its answer', () => page.answers.length === 2);
  assert.deepEqual([page.answers[1].step, page.answers[1].serial], ['over', 4]); // for the dialog that is open by now
  page.ws.send = () => { throw new Error('closed'); };
  mc.plugin.serveraction({ step: 'follow', seen: 'pending' }, page);
  await new Promise((resolve) => setTimeout(resolve, 20));
});

// An unhandled rejection ends MeshCentral, so no input may cause one.
test('nothing that a page or a device sends ends MeshCentral', async (t) => {
  const uncaught = [];
  const note = (error) => uncaught.push(error);
  process.on('unhandledRejection', note);
  t.after(() => process.off('unhandledRejection', note));
  const gw = await gateway(t, { 'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': [201, STARTED], 'GET /v1/domains': [200, { domains: [] }] });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  for (const serial of [{ valueOf: 1, toString: 1 }, Object.create(null), '1', 1e999, null, [[]]]) await page.ask('bot', { serial });
  assert.deepEqual(page.answers.map((a) => a.serial), [0, 0, 0, 0, 0, 0]);
  for (const step of [{ valueOf: 1, toString: 1 }, null, ['start']]) mc.plugin.serveraction({ step, serial: 1 }, page);
  const agent = { agentInfo: {}, domain }; // a device's connection has neither web socket of that name nor user
  for (const session of [agent, { ...agent, ws: page.ws }, { ...agent, user: page.user }, undefined]) {
    mc.plugin.serveraction({ step: 'start', serial: 1 }, session);
  }
  mc.plugin.serveraction(null, page);
  mc.plugin.serveraction(undefined, page);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual([uncaught, page.answers.length], [[], 6]);
});

test('a code for somebody who has not pressed Start proves his handle once he has', async (t) => {
  const gw = await gateway(t, {
    'POST /v1/messages': (c) => (!c.body.to ? problem(409, 'recipient-unknown', 'This user has no linked Telegram chat.')
      : problem(409, 'recipient-unknown', 'The person opens the bot in Telegram and presses Start.', { start_url: 'https://t.me/SomeBot', message_id: 'msg_later' })),
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  const bob = mc.user('user//bob', '@bob');
  mc.start();
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@alice', '111111', null, done)),
    [false, 'The person opens https://t.me/SomeBot and presses Start.']);
  assert.equal(mc.events.length, 1); // the administrator is told
  mc.prove(ALICE, '@alice', '111111'); // which she could only have read in Telegram
  bob.otpmsg = { k: '222222' };
  await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@bob', '222222', null, done));
  mc.DispatchEvent(['*'], mc, { action: 'login', userid: 'user//bob', twoFactorType: 'messenger' });
  await eventually('both are linked', () => gw.calls.filter((c) => c.path === '/v1/links').length === 2);
  assert.deepEqual(gw.calls.filter((c) => c.path === '/v1/links').map((c) => [c.body.user, c.body.message]),
    [[ALICE, 'msg_later'], ['user//bob', 'msg_later']]);
});

const base64 = (text) => Buffer.from(text).toString('base64');

// The request of a web socket, and whether it may connect a chat. MeshCentral marks only the sessions of its sign-in page as opened by
// a login token.
for (const [what, session, request, may] of [
  ['a page', { userid: ALICE }, { query: { moreargs: '1', auth: 'cookie' } }, true],
  ['a program with a password', { userid: ALICE }, { headers: { 'x-meshauth': `${base64('alice')},${base64('pass')}` } }, true],
  ['a program with a password in the address', { userid: ALICE }, { query: { user: 'alice', pass: 'pass' } }, true],
  ['a page of a login token', { userid: ALICE, loginToken: '~t:abc' }, {}, false],
  ['a login token in the header', { userid: ALICE }, { headers: { 'x-meshauth': `${base64('~t:abc')},${base64('pass')}` } }, false],
  ['a login token in the address', { userid: ALICE }, { query: { user: '~t:abc', pass: 'pass' } }, false],
  ['an inner sign-in, which shows no name', { userid: ALICE }, { headers: { 'x-meshauth': '*' } }, false],
  ['a cookie, which a login token can get', {}, { query: { auth: 'cookie' } }, false],
  ["a cookie in somebody else's session", { userid: 'user//bob' }, { query: { auth: 'cookie' } }, false],
]) {
  test(`${what} ${may ? 'connects a chat' : 'changes no second factor'}`, async (t) => {
    const gw = await gateway(t, { 'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': [201, STARTED] }), mc = meshcentral(t, gw.url);
    mc.user(ALICE);
    mc.start();
    const page = mc.page(ALICE, session, request);
    for (const step of ['start', 'follow', 'confirm']) {
      const said = await page.ask(step, { code: '123456' });
      if (may) return assert.equal(said.step, 'offered');
      assert.match(said.sentence, /login token/);
    }
    assert.deepEqual(gw.calls, []);
  });
}

const CONFIRMED = { 'GET /v1/messaging': [200, HERS], 'POST /v1/links': [201, STARTED], 'POST /v1/links/lnk_1/confirm': [200, { result: 'already_used' }] };

test('a link connects once: nothing that is typed afterwards writes the account or an event', async (t) => {
  const gw = await gateway(t, CONFIRMED), mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  await page.ask('start');
  const answer = await page.ask('confirm', { code: '123456' });
  mc.user(ALICE); // an administrator has removed the handle
  const calls = gw.calls.length;
  for (const code of ['123456', '999999', '123456']) assert.deepEqual(await page.ask('confirm', { code }), answer);
  assert.equal((await page.ask('follow', { seen: 'pending' })).status, 'verified'); // the page that asks once more is not alarmed
  assert.deepEqual([mc.saved, mc.events.length, mc.webserver.users[ALICE].msghandle, gw.calls.length], [[ALICE], 1, undefined, calls]);
});

for (const [what, change, want] of [
  ['removed', (mc) => { delete mc.webserver.users[ALICE]; }, /removed/],
  ['locked', (mc) => { mc.webserver.users[ALICE] = { ...mc.accounts[ALICE], siteadmin: 1024 }; }, /locked/],
]) {
  test(`an account that is ${what} during the call is not written, and loses the new link`, async (t) => {
    const mc = meshcentral(t, 'http://127.0.0.1:1');
    const gw = await gateway(t, { ...CONFIRMED, 'POST /v1/links/lnk_1/confirm': () => { change(mc); return [200, { result: 'verified' }]; } });
    mc.config.messaging.telegate.url = gw.url;
    mc.user(ALICE);
    mc.start();
    const page = mc.page(ALICE);
    await page.ask('start');
    const said = await page.ask('confirm', { code: '123456' });
    assert.equal(said.step, 'over');
    assert.match(said.sentence, want);
    assert.deepEqual([mc.saved, mc.events], [[], []]);
    await eventually('the link is removed', () => gw.calls.at(-1).method === 'DELETE');
  });
}

test('many sockets of a user cause few calls, and the bot is asked for once a minute', async (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  let asked = 0;
  const gw = await gateway(t, {
    'GET /v1/messaging': 'hang', 'GET /v1/domains': () => { asked++; return [200, { domains: [{ id: '', bot: '@SomeBot' }] }]; },
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.user('user//bob');
  mc.start();
  await eventually('the start is over', () => asked === 1);
  for (let i = 0; i < 20; i++) assert.equal((await mc.page(ALICE).ask('bot')).bot, 'SomeBot');
  assert.equal(asked, 2);
  t.mock.timers.tick(61 * 1000);
  await mc.page(ALICE).ask('bot');
  assert.equal(asked, 3);

  const pages = Array.from({ length: 50 }, () => mc.page(ALICE));
  for (const page of pages) mc.plugin.serveraction({ step: 'start', serial: 1 }, page);
  await eventually('all others are refused', () => pages.filter((page) => page.answers.length).length === 46);
  mc.plugin.serveraction({ step: 'start', serial: 1 }, mc.page('user//bob')); // who waits for nobody
  await eventually('the gateway has the calls', () => gw.calls.length === 5);
  assert.match(pages.at(-1).answers[0].sentence, /close the other pages/);
  gw.server.closeAllConnections(); // no page is served for ever
});

test('of the gateway\'s answer only a link to Telegram reaches the page, and only its own links are asked for', async (t) => {
  let more;
  const gw = await gateway(t, { 'GET /v1/messaging': [200, NOBODY], 'POST /v1/links': () => [201, { ...STARTED, ...more }] });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  for (more of [{ start_url: 'javascript:alert(1)' }, { start_url: 'data:text/html,x' }, { start_url: 'https://evil.example/SomeBot?start=T' },
    { start_url: 'https://t.me@evil.example/SomeBot?start=T' }, { start_url: undefined }, { qr_svg: 'https://evil.example/q.svg' }, { qr_svg: undefined }]) {
    assert.equal((await page.ask('start')).step, 'over', JSON.stringify(more));
  }
  more = { id: '../../v1/keys?x=' };
  assert.equal((await page.ask('start')).step, 'offered');
  await page.ask('confirm', { code: '123456' });
  assert.equal(gw.calls.at(-1).path, '/v1/links/..%2F..%2Fv1%2Fkeys%3Fx%3D/confirm');
});

test('a handle from the gateway becomes no markup in MeshCentral', async (t) => {
  const link = { ...HERS.link, handle: '@<img src=x onerror=alert(1)>', name: 'Al\u202eice\n2' };
  const gw = await gateway(t, { ...CONFIRMED, 'GET /v1/messaging': [200, { link }] }), mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  assert.match((await page.ask('start')).connected, /^Alice 2 /);
  await page.ask('confirm', { code: '123456' });
  assert.equal(mc.webserver.users[ALICE].msghandle, 'telegram:@Alice 2 (no username, alice)');
});
