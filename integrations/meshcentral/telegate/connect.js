// "Connect Telegram" on MeshCentral's account page: the user opens the bot with a link for their account, and types the code that
// the bot shows. Both sides are needed, so an attacker gains nothing by tricking a user into opening a link or typing a code.
'use strict';

const { oneLine } = require('./text.js');

const MOST_CALLS = 4; // of a user at the same time, in all pages
const BOTS_LIFETIME = 60 * 1000; // milliseconds for which the domains and their bots are kept
const WAIT = 8; // seconds of a long poll; shorter than the timeout of a call

// Results of a typed code, except success.
const RESULTS = {
  not_claimed: 'Open the bot first, and tap Connect there: it then shows the code.',
  expired: 'The time is over: a link works for 10 minutes.',
  exhausted: 'Too many wrong codes.',
  denied: 'Somebody has tapped "Not me" in Telegram, so nothing was connected.',
  canceled: 'This was started again somewhere else.',
  already_used: 'This code has been used already.',
  binding_mismatch: 'This was started in another window.',
};
const OPEN = ['pending', 'claimed'];

class Connect {
  // requests maps MeshCentral's web sockets to their HTTP requests; account returns MeshCentral's user for an id.
  constructor({ gateway, requests, account, connected, disconnect, pending }) {
    Object.assign(this, { gateway, requests, account, connected, disconnect, pending, pause: 1000 * WAIT });
    this.links = new WeakMap(); // web socket → its link
    this.calls = new Map(); // user id → the number of steps that run
    this.bots = null; // telegate's last answer about the domains
  }

  // serve handles and answers a page's command. The command is untrusted. While a step runs, serve ignores the same step: the answer
  // goes to the page's latest dialog.
  async serve(command, session) {
    const { step } = command;
    if (!['bot', 'start', 'follow', 'confirm'].includes(step)) return;
    const userid = session.user._id, calls = this.calls.get(userid) || 0;
    const state = this.links.get(session.ws) || { id: '', connected: null, busy: new Set() };
    this.links.set(session.ws, state);
    state.serial = Number.isSafeInteger(command.serial) ? command.serial : 0;
    if (state.busy.has(step)) return;
    state.busy.add(step);
    this.calls.set(userid, calls + 1);
    let answer;
    try {
      const refused = calls >= MOST_CALLS ? 'Too much at once: close the other pages, then try again.' : this.refused(session);
      answer = refused ? { step: 'over', sentence: refused } : await this[step](command, session, state);
    } catch (problem) {
      answer = { step: 'over', sentence: explained(problem) };
    } finally {
      state.busy.delete(step);
      const left = this.calls.get(userid) - 1;
      if (left) this.calls.set(userid, left);
      else this.calls.delete(userid);
    }
    try {
      session.ws.send(JSON.stringify({ action: 'plugin', plugin: 'telegate', method: 'answer', serial: state.serial, ...answer }));
    } catch {
      // the page is closed
    }
  }

  // refused says why a session may not change its user's messaging handle, by MeshCentral's own rules.
  refused({ ws, user, domain }) {
    const request = this.requests.get(ws), rules = domain.passwordrequirements, account = this.account(user._id);
    if (!request) return 'Reload this page, then try again.'; // it is older than the plugin
    if (!account) return 'This account was removed.';
    if (mayBeLoginToken(request, user._id)) return 'Sign in with your password for this: a login token may not change the account.';
    if ([user, account].some(({ siteadmin }) => siteadmin !== 0xFFFFFFFF && (siteadmin & 1024) !== 0)) return 'The settings of this account are locked; ask the administrator.';
    if (rules && rules.lock2factor === true) return 'The second factor of accounts is locked here; ask the administrator.';
    return '';
  }

  // bot returns the bot of a domain, empty if there is none.
  async bot(command, { domain }) {
    if (!this.bots || this.bots.until < Date.now()) {
      const bots = this.bots = { until: Date.now() + BOTS_LIFETIME, answer: this.gateway.call('GET', '/v1/domains') };
      bots.answer.catch(() => { bots.until = 0; });
    }
    const { domains } = await this.bots.answer;
    const own = domains.find((d) => d.id === domain.id);
    return { step: 'bot', bot: own ? String(own.bot).replace(/\W/g, '') : '' };
  }

  async start(command, session, state) {
    const { ws, user, domain } = session;
    // A report about an earlier change would undo a link that is made before it.
    if (this.pending(user._id)) return { step: 'over', sentence: 'An earlier change of this account is on its way to telegate. Try again in a minute.' };
    const { link } = await this.gateway.call('GET', '/v1/messaging?' + queryOf(session));
    const started = await this.gateway.call('POST', '/v1/links', {
      domain: domain.id, user: user._id, session_binding: ws.sessionId, display_name: String(user.realname || user.name || '').slice(0, 256),
      locale: typeof user.llang === 'string' ? user.llang.slice(0, 35) : '', authenticated_at: new Date().toISOString(), // signed in now; MeshCentral does not say since when
    });
    const bot = /^https:\/\/t\.me\/(\w{1,64})\?/.exec(started.start_url); // the page makes a link of it
    if (!bot || !/^data:image\/svg\+xml[;,]/.test(started.qr_svg)) throw new Error('telegate has answered with a link that does not lead to Telegram');
    Object.assign(state, { id: String(started.id), connected: null });
    return {
      step: 'offered', url: started.start_url, command: String(started.start_command), qr: started.qr_svg, bot: bot[1],
      connected: link ? labelOf(link) : '',
    };
  }

  // follow waits for a change of the link. Only the page that started a link can follow it. A short outage of the gateway does not
  // end it.
  async follow({ seen }, session, state) {
    const { id } = state;
    if (state.connected) return { step: 'followed', status: 'verified' };
    if (!id) return { step: 'over', sentence: 'Start again.' };
    const status = seen === 'claimed' ? 'claimed' : 'pending';
    let link;
    try {
      link = await this.gateway.call('GET', `/v1/links/${encodeURIComponent(id)}?seen=${status}`, undefined, { wait: WAIT });
    } catch (problem) {
      if (problem.status !== 0 && problem.status < 500) throw problem;
      await new Promise((resolve) => setTimeout(resolve, this.pause).unref());
      return { step: 'followed', status };
    }
    if (id !== state.id) return { step: 'followed', status: 'pending' };
    if (OPEN.includes(link.status) || link.status === 'verified') return { step: 'followed', status: link.status, label: oneLine(link.label || '') };
    return { step: 'over', sentence: RESULTS[link.status] || `This link is ${link.status}.` };
  }

  // confirm passes on the typed code. A link connects once: after that, confirm only repeats its answer.
  async confirm({ code }, session, state) {
    const { id } = state;
    if (state.connected) return state.connected;
    if (!id || typeof code !== 'string') return { step: 'over', sentence: 'Start again.' };
    const { result, attempts_remaining: left } = await this.gateway.call('POST', `/v1/links/${encodeURIComponent(id)}/confirm`,
      { code: code.slice(0, 64), session_binding: session.ws.sessionId });
    if (result === 'verified' || result === 'already_used') { // already_used: the call was repeated after a lost answer
      const { link } = await this.gateway.call('GET', '/v1/messaging?' + queryOf(session));
      if (link && link.id === id) return this.finish(session, state, link);
    }
    if (result === 'incorrect') return { step: 'wrong', sentence: `That is not the code. ${left} ${left === 1 ? 'try' : 'tries'} left.` };
    return { step: result === 'not_claimed' ? 'wrong' : 'over', sentence: RESULTS[result] || `This link is ${result}.` };
  }

  // finish tells MeshCentral of a link. If the account was locked or removed during the call, it removes the link instead.
  finish(session, state, link) {
    const refused = this.refused(session);
    state.id = '';
    if (refused) {
      this.disconnect(session.user._id);
      return { step: 'over', sentence: refused };
    }
    this.connected(session, link);
    state.connected = { step: 'connected', label: labelOf(link) };
    return state.connected;
  }
}

// mayBeLoginToken reports whether a login token may have opened a session. MeshCentral marks only the sessions of its sign-in page. A
// program can give the token to the web socket itself, also after it is open ("*"), or give it a cookie that it got with a token.
function mayBeLoginToken({ session = {}, headers = {}, query = {} }, userid) {
  const header = headers['x-meshauth'], cookie = query.auth;
  if (session.loginToken != null || header === '*' || (cookie && session.userid !== userid)) return true;
  const names = [query.user, Buffer.from(String(header || '').split(',')[0], 'base64')];
  return names.flat().some((name) => String(name).startsWith('~t:'));
}

function queryOf({ user, domain }) { return new URLSearchParams({ domain: domain.id, user: user._id }); }

function labelOf(link) {
  const name = oneLine(link.name || ''), handle = oneLine(link.handle || '');
  return name && handle ? `${name} (${handle})` : name || handle || 'your chat';
}

// explained describes a problem to the user of the page, who cannot fix the gateway and must not learn its address.
function explained(problem) {
  if (problem.kind === 'needs-bot') return 'There is no bot to open here. Use "Manage messaging" and type your Telegram username.';
  if (problem.kind === 'rate-limited') return `Too many tries; wait ${Math.ceil(problem.retryAfter / 60)} minutes.`;
  console.log(`telegate: Connect Telegram: ${problem.message}`);
  return "This does not work right now. The administrator finds the reason in the server's log.";
}

module.exports = { Connect };
