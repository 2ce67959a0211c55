// Which failures become events for administrators. Any user can cause failures, so their number is limited: an administrator's other
// events stay visible.
'use strict';

const MINUTE = 60 * 1000;
const MOST = 10; // events of each kind in a minute

class Failures {
  // tell gets the sentence that counts what was left out.
  constructor(tell) { Object.assign(this, { tell, minutes: new Map() }); } // minutes: kind → what has failed in the current minute

  // allow reports whether a failure becomes an event: one for each subject in a minute, and MOST of a kind.
  allow(kind, subject) {
    if (!this.minutes.has(kind)) {
      this.minutes.set(kind, { subjects: new Set(), left: 0 });
      setTimeout(() => this.end(kind), MINUTE).unref();
    }
    const minute = this.minutes.get(kind);
    if (minute.subjects.has(subject) || minute.subjects.size >= MOST) {
      minute.left++;
      return false;
    }
    minute.subjects.add(subject);
    return true;
  }

  end(kind) {
    const { left } = this.minutes.get(kind);
    this.minutes.delete(kind);
    if (left) this.tell(`${left} more of the last minute's failures are not listed: repetitions, or more than ${MOST} of a kind.`);
  }
}

module.exports = { Failures };
