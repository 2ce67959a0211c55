// What telegate has to be told sooner or later: who has proven a handle, whose handle is gone. Reports go out one after the other, in
// their order, and wait on disk while the gateway is away.
'use strict';

const fs = require('fs');

const FIRST_PAUSE = 1000, LONGEST_PAUSE = 60000; // between tries, in milliseconds
const LIFETIME = 7 * 24 * 3600 * 1000;
const MOST = 10000;

class Reports {
  // file keeps what is not told yet: ids of users and messages and handles, nothing secret. drop hears of a report that is given up.
  constructor({ gateway, file, drop, pause = FIRST_PAUSE }) {
    Object.assign(this, { gateway, file, drop, firstPause: pause, pause, waiting: [], busy: false, timer: null, stopped: false });
    try {
      const kept = JSON.parse(fs.readFileSync(file, 'utf8'));
      if (Array.isArray(kept)) this.waiting = kept;
    } catch {
      // there is none, or it was cut short; both mean that nothing waits
    }
    if (this.waiting.length) this.run();
  }

  // add hands over a call; it is given up after `lifetime` milliseconds. about is the user it concerns.
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
        if (this.stopped) return; // the file is the successor's, who makes this report again
        if (problem && again(problem) && Date.now() < report.until) {
          this.later(problem.retryAfter * 1000);
          return;
        }
        this.pause = this.firstPause;
        this.waiting.shift();
        this.save();
        if (problem && !(report.method === 'DELETE' && problem.status === 404)) this.drop(report, problem);
      }
    } catch (error) { // whoever hears of a dropped report; nobody waits for this function, and MeshCentral must not end by it
      console.log('telegate:', error);
    } finally {
      this.busy = false;
    }
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

  // stop leaves what waits to whoever reads the file next.
  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.timer = null;
  }
}

// again tells whether the same report may be taken later: the gateway is away, hurried, out of order, or does not know the key yet.
function again(problem) {
  return problem.status === 0 || problem.status === 401 || problem.status === 403 || problem.status === 429 || problem.status >= 500 ||
    problem.reason === 'not_delivered' || problem.kind === 'idempotency-in-flight';
}

module.exports = { Reports };
