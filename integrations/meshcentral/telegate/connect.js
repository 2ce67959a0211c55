// "Connect Telegram" on MeshCentral's account page: the user opens the bot with a link for their account, and types the code that
// the bot shows. Both sides are needed, so an attacker gains nothing by tricking a user into opening a link or typing a code.
'use strict';

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
  // requests maps MeshCentral's web sockets to their HTTP requests.
  constructor({ gateway, requests, connected, pending }) {
    Object.assign(this, { gateway, requests, connected, pending, pause: 1000 * WAIT, links: new WeakMap() }); // links: web socket → its link
  }

  // serve handles and answers a page's command. The command is untrusted. While a step runs, serve ignores the same step: the answer
  // goes to the page's latest dialog.
  async serve(command, session) {
    const { step } = command;
    if (!['bot', 'start', 'follow', 'confirm'].includes(step)) return;
    const state = this.links.get(session.ws) || { id: '', busy: new Set() };
    this.links.set(session.ws, state);
    state.serial = Number.isSafeInteger(command.serial) ? command.serial : 0;
    if (state.busy.has(step)) return;
    state.busy.add(step);
    let answer;
    try {
      const refused = this.refused(session);
      answer = refused ? { step: 'over', sentence: refused } : await this[step](command, session, state);
    } catch (problem) {
      answer = { step: 'over', sentence: explained(problem) };
    } finally {
      state.busy.delete(step);
    }
    try {
      session.ws.send(JSON.stringify({ action: 'plugin', plugin: 'telegate', method: 'answer', serial: state.serial, ...answer }));
    } catch {
      // the page is closed
    }
  }

  // refused says why a session may not change its user's messaging handle, by MeshCentral's own rules.
  refused({ ws, user, domain }) {
    const request = this.requests.get(ws), rules = domain.passwordrequirements;
    if (!request) return 'Reload this page, then try again.'; // it is older than the plugin
    if (request.session && request.session.loginToken != null) return 'Sign in with your password for this: a login token may not change the account.';
    if (user.siteadmin !== 0xFFFFFFFF && (user.siteadmin & 1024) !== 0) return 'The settings of this account are locked; ask the administrator.';
    if (rules && rules.lock2factor === true) return 'The second factor of accounts is locked here; ask the administrator.';
    return '';
  }

  // bot returns the bot of a domain, empty if there is none.
  async bot(command, { domain }) {
    const { domains } = await this.gateway.call('GET', '/v1/domains');
    const own = domains.find((d) => d.id === domain.id);
    return { step: 'bot', bot: own ? own.bot.replace(/^@/, '') : '' };
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
    state.id = started.id;
    return {
      step: 'offered', url: started.start_url, command: started.start_command, qr: started.qr_svg,
      bot: new URL(started.start_url).pathname.slice(1), connected: link ? labelOf(link) : '',
    };
  }

  // follow waits for a change of the link. Only the page that started a link can follow it. A short outage of the gateway does not
  // end it.
  async follow({ seen }, session, state) {
    const { id } = state;
    if (!id) return { step: 'over', sentence: 'Start again.' };
    const status = seen === 'claimed' ? 'claimed' : 'pending';
    let link;
    try {
      link = await this.gateway.call('GET', `/v1/links/${id}?seen=${status}`, undefined, { wait: WAIT });
    } catch (problem) {
      if (problem.status !== 0 && problem.status < 500) throw problem;
      await new Promise((resolve) => setTimeout(resolve, this.pause).unref());
      return { step: 'followed', status };
    }
    if (id !== state.id) return { step: 'followed', status: 'pending' };
    if (OPEN.includes(link.status) || link.status === 'verified') return { step: 'followed', status: link.status, label: link.label };
    return { step: 'over', sentence: RESULTS[link.status] || `This link is ${link.status}.` };
  }

  async confirm({ code }, session, state) {
    const { id } = state;
    if (!id || typeof code !== 'string') return { step: 'over', sentence: 'Start again.' };
    const { result, attempts_remaining: left } = await this.gateway.call('POST', `/v1/links/${id}/confirm`,
      { code: code.slice(0, 64), session_binding: session.ws.sessionId });
    if (result === 'verified' || result === 'already_used') { // already_used: the call was repeated after a lost answer
      const { link } = await this.gateway.call('GET', '/v1/messaging?' + queryOf(session));
      if (link && link.id === id) {
        this.connected(session, link);
        return { step: 'connected', label: labelOf(link) };
      }
    }
    if (result === 'incorrect') return { step: 'wrong', sentence: `That is not the code. ${left} ${left === 1 ? 'try' : 'tries'} left.` };
    return { step: result === 'not_claimed' ? 'wrong' : 'over', sentence: RESULTS[result] || `This link is ${result}.` };
  }
}

function queryOf({ user, domain }) { return new URLSearchParams({ domain: domain.id, user: user._id }); }

function labelOf({ name, handle }) { return name && handle ? `${name} (${handle})` : name || handle || 'your chat'; }

// explained describes a problem to the user of the page, who cannot fix the gateway and must not learn its address.
function explained(problem) {
  if (problem.kind === 'needs-bot') return 'There is no bot to open here. Use "Manage messaging" and type your Telegram username.';
  if (problem.kind === 'rate-limited') return `Too many tries; wait ${Math.ceil(problem.retryAfter / 60)} minutes.`;
  console.log(`telegate: Connect Telegram: ${problem.message}`);
  return "This does not work right now. The administrator finds the reason in the server's log.";
}

module.exports = { Connect };
