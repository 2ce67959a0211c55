// Reports to telegate: a user has proven a handle, or a handle was removed. The reports about a user are sent one by one, in order, and
// wait on disk while telegate does not take them.
'use strict';

const fs = require('fs');
const { nameOf } = require('./handles.js');

const FIRST_PAUSE = 1000, LONGEST_PAUSE = 60000; // between tries, in milliseconds
const LIFETIME = 7 * 24 * 3600 * 1000;
const MOST = 10000;

class Reports {
  // file stores the waiting reports: ids of users and messages, and handles; no secrets. drop gets each report that is given up.
  constructor({ gateway, file, drop, pause = FIRST_PAUSE }) {
    Object.assign(this, { gateway, file, drop, firstPause: pause, pause, waiting: [], busy: false, timer: null, stopped: false });
    this.sending = null; // the report whose call is under way
    this.away = false; // the gateway takes no report at all until the timer fires
    this.aside = new Set(); // the users whose next report waits until the timer fires; those of other users go on
    try {
      const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
      if (Array.isArray(kept)) this.waiting = kept.filter(isReport);
    } catch {
      // the file is missing or cut off: nothing waits
    }
    if (this.waiting.length) this.run();
  }

  // add queues a call; after `lifetime` milliseconds it is given up. about is the id of its user. A report with `unless` is not made
  // if telegate has linked the user with that handle. At most one report of each method waits for a user: a later one replaces it.
  add({ method, path, body, about, unless, lifetime = LIFETIME }) {
    const report = { method, path, body, about, unless, until: Date.now() + lifetime };
    this.waiting = this.waiting.filter((earlier) => earlier === this.sending || !replaces(report, earlier));
    if (this.waiting.length >= MOST) return this.drop(report, new Error('too many reports are waiting'));
    this.waiting.push(report);
    this.save();
    this.run();
  }

  async run() {
    if (this.busy || this.stopped) return;
    this.busy = true;
    try {
      for (let report; !this.away && (report = this.waiting.find((r) => !this.aside.has(r.about)));) {
        this.sending = report;
        const problem = await this.make(report);
        this.sending = null;
        if (this.stopped) return; // the file now belongs to the successor, which repeats this report
        if (problem && again(problem) && Date.now() < report.until) {
          this.aside.add(report.about);
          this.away = problem.status === 0 || problem.status === 401;
          this.later(problem.retryAfter * 1000 || 0);
          continue;
        }
        this.pause = this.firstPause;
        this.waiting = this.waiting.filter((r) => r !== report);
        this.save();
        if (problem && !(report.method === 'DELETE' && ['not-found', 'domain-not-allowed'].includes(problem.kind))) this.drop(report, problem);
      }
    } catch (error) { // from drop; nobody awaits this function, and a rejection would end MeshCentral
      console.log('telegate:', error);
      this.later(0);
    } finally {
      this.busy = false;
    }
  }

  // make makes the call of a report, and returns the problem if there is one.
  async make({ method, path, body, unless }) {
    try {
      if (unless) {
        const { link } = await this.gateway.call('GET', path) || {};
        if (link && nameOf(String(link.handle)) === nameOf(unless)) return null;
      }
      await this.gateway.call(method, path, body);
      return null;
    } catch (problem) {
      return problem;
    }
  }

  // pending says whether a report about a user waits, and tries it at once.
  pending(about) {
    if (!this.waiting.some((report) => report.about === about)) return false;
    this.away = false;
    this.aside.delete(about);
    this.run();
    return true;
  }

  later(atLeast) {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.timer = null;
      this.away = false;
      this.aside.clear();
      this.run();
    }, Math.max(this.pause, Math.min(atLeast, LONGEST_PAUSE)));
    this.timer.unref();
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  save() {
    try {
      const next = this.file + '.new';
      fs.writeFileSync(next, JSON.stringify(this.waiting), { mode: 0o600 });
      fs.renameSync(next, this.file);
    } catch (error) {
      this.drop(null, error);
    }
  }

  // stop leaves the waiting reports to the next reader of the file.
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = null;
  }
}

// isReport checks the shape of what the file has.
function isReport(report) {
  return typeof report === 'object' && report !== null && typeof report.until === 'number'
    && ['method', 'path', 'about'].every((member) => typeof report[member] === 'string');
}

// replaces reports whether a new report makes an earlier one pointless: a removal ends everything before it, and of several reports of
// one method the last one counts.
function replaces(report, earlier) {
  if (report.about !== earlier.about) return false;
  return report.unless ? Boolean(earlier.unless) : report.method === 'DELETE' || report.method === earlier.method;
}

// again reports whether a retry can succeed: the gateway does not answer, limits the rate or fails, does not know the key yet, or is not
// what has answered. A missing scope is worth the wait only for a link or a removal: without an invitation, MeshCentral's next code
// proves the handle as well.
function again({ status, kind, reason, requiredScope }) {
  return status === 0 || kind === '' || status === 401 || status === 429 || status >= 500 || reason === 'not_delivered' || kind === 'idempotency-in-flight'
    || (kind === 'insufficient-scope' && requiredScope === 'link');
}

module.exports = { Reports };
