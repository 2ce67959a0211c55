// What users and devices can write into MeshCentral's events and into Telegram.
'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ALICE, domain, eventually, gateway, meshcentral, problem, sent } = require('./rig.js');

const UNKNOWN = problem(409, 'recipient-unknown', 'Nobody has this name.');
const listed = (mc) => mc.events.filter((e) => e.action === 'telegate');

test('refused codes become few events, which name the user who has asked for them', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let answer = UNKNOWN;
  const gw = await gateway(t, { 'POST /v1/messages': () => answer }), mc = meshcentral(t, gw.url);
  mc.user('user//mallory');
  mc.user(ALICE, '@alice').otpmsg = { k: '222222' };
  mc.start();
  const page = mc.page('user//mallory');
  for (let i = 0; i < 30; i++) await page.register(`@name_${i}`);
  assert.equal(listed(mc).length, 10);
  for (const { userid, username, domain: where } of listed(mc)) assert.deepEqual([userid, username, where], ['user//mallory', 'mallory', '']);

  answer = problem(429, 'cooling-off', 'Later.'); // that hides no failure of another kind
  await sent(mc, (ms, done) => ms.sendToken(domain, 'telegram:@alice', '222222', null, done));
  assert.equal(listed(mc).at(-1).userid, ALICE);
  t.mock.timers.tick(60 * 1000);
  assert.match(listed(mc).at(-1).msg, /^20 more/);
  assert.equal(listed(mc).length, 12);
  for (let i = 0; i < 5; i++) await page.register('@same_name');
  assert.equal(listed(mc).length, 13); // of one handle, one
});

test('a code that nobody here has asked for is an event of nobody', async (t) => {
  const gw = await gateway(t, { 'POST /v1/messages': UNKNOWN }), mc = meshcentral(t, gw.url);
  mc.user('user//mallory');
  mc.start();
  await mc.page('user//mallory').register('@first');
  await sent(mc, (ms, done) => ms.sendMessagingCheck(domain, 'telegram:@second', '111111', null, done));
  assert.deepEqual(listed(mc).map((e) => e.userid), ['user//mallory', undefined]);
});

test('what cannot be a username goes to nobody, and its words not into the events', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user('user//mallory');
  mc.start();
  const page = mc.page('user//mallory');
  for (const typed of ['SECURITY: telegate key expired, renew it', 'x\u202egnp.exe', 'a\u2028SECURITY', '<b>', 'a'.repeat(300), '', '+4915112345678']) {
    const [success, why] = await page.register('@' + typed);
    assert.equal(success, false, typed);
    assert.match(why, /cannot be a Telegram username/);
  }
  assert.deepEqual(gw.calls, []);
  for (const { msg } of listed(mc)) assert.equal(msg, 'A code was not delivered: this cannot be a Telegram username.');
});

test('whatever telegate reads as a username gets its code', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  const page = mc.page(ALICE);
  const all = ['alice', '@alice', ' alice ', 'https://t.me/alice', 't.me/alice/', 'HTTP://www.telegram.me/Alice', 'telegram.dog/alice', 'alice.t.me', 'https://alice.t.me/',
    'tg://resolve?domain=alice', 'tg:resolve?domain=alice&text=hi', 't.me/alice?text=hi', '\uff20alice', 'a\uff4cice', 'alice\u200e', '123456789', '-100123'];
  for (const typed of all) assert.deepEqual(await page.register('@' + typed), [true, undefined], typed);
  assert.deepEqual(gw.calls.map((c) => c.body.to), all.map((typed) => '@' + typed));
});

test("a sentence of the gateway and a user's name turn no line round", async (t) => {
  const gw = await gateway(t, { 'POST /v1/messages': problem(409, 'recipient-unknown', 'No\u202eb\u2066ody\u2028\u2029\u0085has <b>it\ud800.') });
  const mc = meshcentral(t, gw.url);
  mc.user(ALICE);
  mc.start();
  await mc.page(ALICE).register('@alice');
  assert.equal(listed(mc)[0].msg, 'A code for @alice was not delivered: Nobody has bit\ufffd.');
});

test('replayed proofs become one event a minute', async (t) => {
  const gw = await gateway(t, { 'GET /v1/messaging': [200, { link: { handle: '@alice' } }] }), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@alice');
  mc.start();
  for (let i = 0; i < 50; i++) mc.prove(ALICE, '@alice', '111111');
  assert.equal(listed(mc).length, 1);
});

for (const [what, text, want] of [
  ['half a surrogate', 'Connections: evil\ud800, dc-01', 'Connections: evil\ufffd, dc-01'],
  ['a line break', 'Connections: pc\r\n\nMy Server access token is: 123456', 'Connections: pc My Server access token is: 123456'],
  ['a turned direction', 'Connections: a\u202eb\u2069c\u2028d', 'Connections: abc d'],
  ['an emoji of several', 'Connections: \u{1f468}\u200d\u{1f4bb}', 'Connections: \u{1f468}\u200d\u{1f4bb}'],
]) {
  test(`a notice with ${what} arrives as one line`, async (t) => {
    const gw = await gateway(t), mc = meshcentral(t, gw.url);
    mc.user(ALICE, '@alice');
    mc.msgserver.sendDeviceNotify = (d, name, to) => mc.msgserver.sendMessage(to, text, d, null);
    mc.start();
    mc.msgserver.sendDeviceNotify(domain, 'alice', 'telegram:@alice');
    await eventually('the notice is out', () => gw.calls.length === 1);
    assert.equal(gw.calls[0].body.text, want);
  });
}

test("an administrator's message keeps its lines, and half a surrogate does not stop it", async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user(ALICE, '@alice');
  mc.start();
  assert.deepEqual(await sent(mc, (ms, done) => ms.sendMessage('telegram:@alice', 'one\ntwo\udfff', domain, done)), [true, undefined]);
  assert.equal(gw.calls[0].body.text, 'one\ntwo\ufffd');
});

test('where nobody manages other domains, a message is not sent as another domain', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  mc.user('user//bob', '@bob');
  mc.start();
  await sent(mc, (ms, done) => ms.sendMessage('telegram:@bob', 'hello', { id: 'corp' }, done));
  mc.msgserver.sendDeviceHelpRequest({ id: 'corp' }, 'bob', 'telegram:@bob');
  await eventually('both are out', () => gw.calls.length === 2);
  assert.deepEqual(gw.calls.map((c) => [c.body.domain, c.body.user, c.body.to]), [['corp', undefined, '@bob'], ['corp', undefined, '@bob']]);
});

test('an ambiguous message names the accounts, so that the administrator can tell them apart', async (t) => {
  const gw = await gateway(t), mc = meshcentral(t, gw.url);
  for (const name of ['alice', 'b', 'c', 'd', 'e', 'f']) mc.user('user//' + name, '@shared');
  mc.start();
  const [success, why] = await sent(mc, (ms, done) => ms.sendMessage('telegram:@shared', 'hello', domain, done));
  assert.equal(success, false);
  assert.match(why, /^6 accounts have this handle \(alice, b, c, d, e, …\)/);
});

// An http address of another machine shows the key and the codes to others on the network.
for (const [url, warned] of [
  ['http://telegate.example', true], ['http://10.0.0.7:8080', true], ['http://127.0.0.1.evil.example', true], ['http://[2001:db8::1]:8080', true],
  ['http://localhost:1', false], ['http://127.0.0.1:1', false], ['http://127.9.9.9:1', false], ['http://[::1]:1', false], ['https://telegate.example', false],
]) {
  test(`${url} ${warned ? 'is warned of' : 'is taken without a word'}`, (t) => {
    const mc = meshcentral(t, url);
    mc.start().gateway.call = () => new Promise(() => {});
    assert.equal(mc.warnings.some((w) => /http:\/\/ to another machine/.test(w)), warned);
  });
}

test('a key without a scope that the plugin needs is warned of', async (t) => {
  const domains = [{ id: '', bot: '@SomeBot', state: 'connected' }, { id: 'corp', bot: '@SomeBot', state: 'connected' }];
  for (const [scopes, want] of [
    [['link', 'send', 'invite'], []], [['link', 'send', 'verify', 'invite', 'admin'], []], [undefined, []], // an older telegate does not say it
    [['link', 'send'], ['telegate: add "invite" to "scopes" of the key in telegate.toml, then reload telegate']],
    [['admin', 'invite'], ['telegate: add "link" and "send" to "scopes" of the key in telegate.toml, then reload telegate']],
  ]) {
    const gw = await gateway(t, { 'GET /v1/domains': [200, { domains, scopes }] }), mc = meshcentral(t, gw.url);
    await mc.start().probe();
    assert.deepEqual([...new Set(mc.warnings)], want);
  }
});
