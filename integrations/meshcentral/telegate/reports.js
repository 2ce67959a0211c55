// Reports to telegate: a user has proven a handle, or a handle was removed. Reports are sent one by one, in order, and wait on disk
// while the gateway does not answer.
'use strict';

const fs = require('fs');

const FIRST_PAUSE = 1000, LONGEST_PAUSE = 60000; // between tries, in milliseconds
const LIFETIME = 7 * 24 * 3600 * 1000;
const MOST = 10000;

class Reports {
  // file stores the waiting reports: ids of users and messages, and handles; no secrets. drop gets each report that is given up.
  constructor({ gateway, file, drop, pause = FIRST_PAUSE }) {
    Object.assign(this, { gateway, file, drop, firstPause: pause, pause, waiting: [], busy: false, timer: null, stopped: false });
    try {
      const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
      if (Array.isArray(kept)) this.waiting = kept;
    } catch {
      // the file is missing or cut off: nothing waits
    }
    if (this.waiting.length) this.run();
  }

  // add queues a call; after `lifetime` milliseconds it is given up. about is the id of its user.
  add({ method, path, body, about, lifetime = LIFETIME }) {
    if (this.waiting.length >= MOST) return this.drop({ method, path, body, about }, new Error('too many reports are waiting'));
    this.waiting.push({ method, path, body, about, until: Date.now() + lifetime });
    this.save();
    this.run();
  }

  async run() {
    if (this.busy || this.timer || this.stopped) return;
    this.busy = true;
    try {
      while (this.waiting.length) {
        const report = this.waiting[0];
        let problem = null;
        try {
          await this.gateway.call(report.method, report.path, report.body);
        } catch (error) {
          problem = error;
        }
        if (this.stopped) return; // the file now belongs to the successor, which repeats this report
        if (problem && again(problem) && Date.now() < report.until) {
          this.later(problem.retryAfter * 1000);
          return;
        }
        this.pause = this.firstPause;
        this.waiting.shift();
        this.save();
        if (problem && !(report.method === 'DELETE' && (problem.status === 404 || problem.kind === 'domain-not-allowed'))) this.drop(report, problem);
      }
    } catch (error) { // from drop; nobody awaits this function, and a rejection would end MeshCentral
      console.log('telegate:', error);
    } finally {
      this.busy = false;
    }
  }

  // pending says whether a report about a user waits, and tries it at once.
  pending(about) {
    if (!this.waiting.some((report) => report && report.about === about)) return false;
    clearTimeout(this.timer);
    this.timer = null;
    this.run();
    return true;
  }

  later(atLeast) {
    const wait = Math.max(this.pause, Math.min(atLeast, LONGEST_PAUSE));
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
    this.timer = setTimeout(() => { this.timer = null; this.run(); }, wait);
    this.timer.unref();
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

// again reports whether a retry can succeed: the gateway does not answer, limits the rate, fails, or does not know the key yet.
function again(problem) {
  return problem.status === 0 || problem.status === 401 || (problem.status === 403 && problem.kind !== 'domain-not-allowed') || problem.status === 429 || problem.status >= 500 ||
    problem.reason === 'not_delivered' || problem.kind === 'idempotency-in-flight';
}

module.exports = { Reports };
