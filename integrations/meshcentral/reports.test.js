// What the plugin reports to telegate, when some of it is refused or what answers is not telegate.
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { ALICE, domain, eventually, gateway, meshcentral, problem, sent } = require('./rig.js');

const done = (mc) => eventually('nothing waits', () => mc.msgserver.telegate.reports.waiting.length === 0);
const told = (gw) => gw.calls.map((c) => `${c.method} ${decodeURIComponent(c.path)}${c.body ? ' ' + c.body.handle : ''}`);
const of = (name) => `/v1/messaging?domain=&user=user//${name}`;

// set gives a user a handle, as an administrator does.
function set(mc, user, handle) {
  if (handle) user.msghandle = 'telegram:' + handle;
  else delete user.msghandle;
  mc.changed(user._id, 66);
}

for (const [what, answer, kept] of [
  ['an invitation without the scope', problem(403, 'insufficient-scope', 'It needs the scope invite.', { required_scope: 'invite' }), false],
  ['a missing scope of an unknown kind', problem(403, 'insufficient-scope', 'It needs another key.'), false],
  ['a call without the scope link', problem(403, 'insufficient-scope', 'It needs the scope link.', { required_scope: 'link' }), true],
  ['a fault of telegate', problem(500, 'internal-error', 'telegate has a fault.'), true],
  ['a rate limit', problem(429, 'rate-limited', 'Too many.', { retry_after: 600 }), true],
  ['a refusal that is not telegate\'s', [403, '<html>'], true],
]) {
  test(`${what} holds up no report of others`, async (t) => {
    const gw = await gateway(t, { 'PUT /v1/messaging': answer }), mc = meshcentral(t, gw.url);
    const alice = mc.user(ALICE, '@alice'), bob = mc.user('user//bob', '@bob'), { reports } = mc.start();
    reports.firstPause = reports.pause = 60000; // nothing is tried twice
    set(mc, alice, '@carol');
    set(mc, bob, '');
    await eventually('the removal of bob is told', () => told(gw).includes('DELETE ' + of('bob')));
    set(mc, bob, '@bobby');
    set(mc, bob, ''); // and what happens later waits for no timer
    await eventually('it is told', () => told(gw).filter((line) => line === 'DELETE ' + of('bob')).length >= 2); // 3 if one is under way
    await eventually('the rest is decided', () => reports.waiting.every((r) => reports.aside.has(r.about)));
    assert.deepEqual(reports.waiting.filter((r) => r.about === ALICE).map((r) => r.method), kept ? ['PUT'] : []);
    const events = mc.events.filter((e) => e.action === 'telegate' && e.userid === ALICE);
    assert.equal(events.length, kept ? 0 : 1); // the administrator learns at once what is given up
  });
}

test('a removal waits for the scope link', async (t) => {
  let may = false;
  const gw = await gateway(t, { 'DELETE /v1/messaging': () => (may ? [204] : problem(403, 'insufficient-scope', 'No.', { required_scope: 'link' })) });
  const mc = meshcentral(t, gw.url), alice = mc.user(ALICE, '@alice');
  mc.start();
  set(mc, alice, '');
  await eventually('it is tried again', () => gw.calls.length > 2);
  may = true;
  await done(mc);
});

for (const answer of [[404, '<html>'], [302, ''], [400, 'no'], [422, '{}'], [200, '5'], [200, '[]'], [404, '[1]']]) {
  test(`a report that ${JSON.stringify(answer)} has answered is made again`, async (t) => {
    let wrong = true;
    const gw = await gateway(t, { 'DELETE /v1/messaging': () => (wrong ? answer : problem(404, 'not-found', 'Nobody.')) }), mc = meshcentral(t, gw.url);
    const alice = mc.user(ALICE, '@alice');
    mc.start();
    set(mc, alice, '');
    await eventually('it is tried again', () => gw.calls.length > 2);
    wrong = false;
    await done(mc);
    assert.deepEqual(mc.events.filter((e) => e.action === 'telegate'), []);
  });
}

test('what the file of reports should not have is left out', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  const kept = { method: 'DELETE', path: of('bob'), about: 'user//bob', until: Date.now() + 60000 };
  fs.writeFileSync(path.join(mc.datapath, 'telegate-reports.json'), JSON.stringify([null, 5, [], {}, { ...kept, path: 7 }, { ...kept, until: 'x' }, kept]));
  mc.start();
  await done(mc);
  assert.deepEqual(told(gw), ['DELETE ' + of('bob')]);
});

for (const answer of [[], 5, 'sent', true, {}, { id: 7 }]) {
  test(`${JSON.stringify(answer)} is no sent message`, async (t) => {
    const gw = await gateway(t, { 'POST /v1/messages': [200, JSON.stringify(answer)] }), mc = meshcentral(t, gw.url);
    mc.start();
    const [success, why] = await sent(mc, (ms, reply) => ms.sendMessage('telegram:@alice', 'hello', domain, reply));
    assert.equal(success, false);
    assert.match(why, /not telegate/);
  });
}

test('many edits of an account while the gateway is away leave few reports, and the last one counts', async (t) => {
  let away = true;
  const gw = await gateway(t, { 'DELETE /v1/messaging': () => (away ? problem(503, 'storage-full', 'Later.') : [204]) }), mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE), { reports } = mc.start();
  for (let i = 0; i < 200; i++) set(mc, alice, `@alice${i}`);
  assert.ok(reports.waiting.length <= 3, `${reports.waiting.length} reports wait`);
  away = false;
  await done(mc);
  assert.deepEqual(told(gw).slice(-2), ['DELETE ' + of('alice'), 'PUT /v1/messaging @alice199']);
});

test('a handle longer than any is none, and ends the link to the one before', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  const alice = mc.user(ALICE), bob = mc.user('user//bob', '@bob'), long = '@' + 'a'.repeat(2000);
  mc.start();
  set(mc, alice, long);
  set(mc, bob, long);
  await done(mc);
  assert.deepEqual(told(gw), ['DELETE ' + of('bob')]);
});

// A proof without a known code: the handle changes in MeshCentral, and codes go to the user, so to the chat of the handle before.
for (const [what, link, removed] of [
  ['another handle', { id: 'lnk_1', handle: '@old_tg' }, true], ['the same handle', { id: 'lnk_1', handle: '@New_TG' }, false],
  ['no username', { id: 'lnk_1', handle: '' }, true], ['no link', null, true],
]) {
  test(`a handle that is proven without a known code ${removed ? 'ends' : 'keeps'} a link with ${what}`, async (t) => {
    const gw = await gateway(t, { 'GET /v1/messaging': [200, { link }] }), mc = meshcentral(t, gw.url);
    mc.user(ALICE, '@old_tg');
    mc.start();
    mc.prove(ALICE, '@new_tg', '999999');
    await done(mc);
    assert.deepEqual(told(gw), ['GET ' + of('alice'), ...(removed ? ['DELETE ' + of('alice')] : [])]);
    assert.match(mc.events.filter((e) => e.userid === ALICE)[0].msg, /the next sign-in with a code links/);
  });
}

test('a proof that telegate refuses ends a link to the handle before', async (t) => {
  const gw = await gateway(t, {
    'POST /v1/links': problem(409, 'proof-refused', 'The code is older than 15 minutes.', { reason: 'too_old' }),
    'GET /v1/messaging': [200, { link: { id: 'lnk_1', handle: '@old_tg' } }],
  });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@old_tg');
  mc.start();
  await sent(mc, (ms, reply) => ms.sendMessagingCheck(domain, 'telegram:@new_tg', '111111', null, reply));
  mc.prove(ALICE, '@new_tg', '111111');
  await eventually('the old link is removed', () => told(gw).includes('DELETE ' + of('alice')));
});
