// My Server as its users see it: signing in. Linking and sending are in
// link.js and send.js.

import { find, form, onSubmit, paintAvatar, setText, show, slot } from "./dom.js";
import { ask, Problem } from "./http.js";
import { LinkPart } from "./link.js";
import { SendPart } from "./send.js";
import { showTrace } from "./trace.js";
import { checkResult, clock, problemDetails, verificationStatus } from "./words.js";

const refreshAfter = 300; // ms: what happens on a phone comes in bursts
const followPause = 1000; // ms between two questions whose answer is the same

/**
 * callbacks: changed() after every new state, userChanged(user) when somebody
 * else signs in.
 */
export class MyServer {
  constructor(callbacks) {
    this.callbacks = callbacks;
    this.state = null;
    this.queue = Promise.resolve(); // the last job of inTurn()
    this.following = null;          // the AbortController of the loop in follow()
    this.passing = false;           // the problem that is shown goes when reading succeeds again
    this.box = find("server");
    this.link = new LinkPart(this);
    this.send = new SendPart(this);
    this.listen();
    setInterval(() => this.tick(), 500);
  }

  listen() {
    const press = (name, path) => find(name).addEventListener("click", (event) => this.act(event.currentTarget, "POST", path));
    press("factor-send", "/server/signin/code");
    press("factor-resend", "/server/signin/resend");
    press("factor-cancel", "/server/signin/cancel");
    press("signout", "/server/signout");
    onSubmit(form("signin"), (values) => this.act(find("signin-submit"), "POST", "/server/signin", values));
    onSubmit(form("factor"), async (values) => {
      if (await this.act(find("factor-check"), "POST", "/server/signin/check", values)) find("factor-code").select();
    });
    find("problem-close").addEventListener("click", () => this.showProblem(null));
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.refreshSoon();
    });
  }

  /** Does something at My Server and shows the outcome; gives null where it failed. */
  async act(button, method, path, body) {
    button.disabled = true;
    const state = await this.inTurn(async () => {
      const answer = await this.ask(method, path, body);
      button.disabled = false;
      if (answer !== null) this.show(answer, true);
      return answer;
    });
    if (state === null) this.load(); // the session may have ended meanwhile
    return state;
  }

  /** Reads the present state, as after a reload of the page. */
  load() {
    return this.inTurn(async () => {
      const state = await this.ask("GET", "/server/session", undefined, true);
      if (state === null) return;
      if (this.passing) this.showProblem(null);
      this.show(keepResults(state, this.state), false);
    });
  }

  /**
   * Runs one job after the other, and follows on after each. As only one
   * question is under way at any time, no answer can overtake a newer one.
   */
  inTurn(job) {
    const turn = this.queue.then(async () => {
      this.stopFollowing();
      const outcome = await job();
      this.follow();
      return outcome;
    });
    this.queue = turn.catch(() => {}); // a job that fails does not hold up the next
    return turn;
  }

  /** Asks My Server. Shows what went wrong, and gives null then. */
  async ask(method, path, body, passing = false) {
    try {
      return await ask(method, path, body);
    } catch (problem) {
      this.showProblem(problem, passing);
      return null;
    }
  }

  /** Reads the state again shortly: something happened that may concern it. */
  refreshSoon() {
    clearTimeout(this.refresh);
    this.refresh = setTimeout(() => {
      if (!document.hidden) this.load();
    }, refreshAfter);
  }

  /** Waits for changes of the verification or link that is open, until the next job. */
  async follow() {
    if (this.following) return;
    const mine = new AbortController();
    this.following = mine;
    while (this.following === mine && this.isOpen() && !document.hidden) {
      const before = statuses(this.state);
      // No answer means that a job interrupted, or that the gateway is away for
      // a moment: the pause is for that.
      const state = await ask("GET", "/server/session?follow=true", undefined, mine.signal).catch(() => null);
      if (this.following !== mine) return;
      if (state !== null) this.show(keepResults(state, this.state), false);
      if (before === statuses(this.state)) await pause(followPause);
    }
    if (this.following === mine) this.following = null;
  }

  stopFollowing() {
    this.following?.abort();
    this.following = null;
  }

  isOpen() {
    const { stage, verification, link } = this.state ?? {};
    if (stage === "second_factor") return verification?.status === "pending";
    return stage === "signed_in" && (link?.status === "pending" || link?.status === "claimed");
  }

  show(state, acted) {
    const before = this.state;
    this.state = state;
    this.shownAt = performance.now();
    this.box.dataset.stage = state.stage;
    this.box.removeAttribute("aria-busy");
    for (const stage of document.querySelectorAll(".stage")) show(stage, stage.dataset.for === state.stage);
    if (acted || state.problem) this.showProblem(state.problem ? new Problem(state.problem) : null, true);
    this.showFactor(state);
    this.showWho(state);
    this.link.show(state);
    this.send.show(state);
    showTrace(state.exchanges);
    this.tick();
    if (state.user && state.user !== before?.user) this.callbacks.userChanged(state.user);
    if (acted) this.moveFocus(before, state);
    this.callbacks.changed();
  }

  /** After an action the focus goes to where the story continues. */
  moveFocus(before, state) {
    if (state.stage !== before?.stage) {
      form("factor").reset();
      const next = { second_factor: "factor-send", signed_in: "signedin-user", signed_out: "signin-submit" }[state.stage];
      find(next).focus();
    } else if (state.verification && sending(state) !== sending(before)) {
      form("factor").reset();
      find("factor-code").focus();
    }
  }

  showFactor({ verification, checked, hint, user }) {
    const status = verification?.status ?? "";
    const pending = status === "pending";
    const words = checked && pending ? checkResult(checked) : "";
    find("factor").dataset.status = status;
    setText(slot("factor-name"), user ?? "");
    setText(slot("factor-hint"), hint ? `(${hint})` : "");
    const send = find("factor-send");
    show(send, !pending);
    send.classList.toggle("primary", status !== "denied"); // after Not me no code is sent for a while
    show(form("factor"), pending);
    show(find("factor-resend"), pending);
    const line = find("factor-status");
    setText(line, words || (verification ? verificationStatus(verification) : ""));
    line.dataset.tone = words || (verification && !pending) ? "bad" : "";
    show(line, line.textContent !== "");
    if (pending) setText(find("factor-attempts"), `${verification.attempts.remaining} of ${verification.attempts.max} attempts left`);
  }

  showWho({ name, user, signed_in_with: way }) {
    paintAvatar(slot("avatar"), name ?? "?");
    setText(find("signedin-user"), name ? `Hello ${name}` : "");
    const line = find("signedin-with");
    line.dataset.with = way ?? "";
    setText(line, way === "Messaging" ? `${user}, signed in with password and Telegram code` : `${user}, signed in with the password only`);
  }

  /** Shows what went wrong; null for nothing. A passing problem goes by itself. */
  showProblem(problem, passing = false) {
    this.passing = passing && problem !== null;
    show(find("problem"), problem !== null);
    if (problem === null) return;
    setText(find("problem-title"), problem.title);
    setText(find("problem-detail"), problemDetails(problem));
    const link = find("problem-link");
    show(link, problem.startURL !== "");
    link.href = problem.startURL;
    setText(link, problem.startURL.replace("https://", "Open "));
  }

  /** Counts down. Spans come from the server; the clock of this computer does not matter. */
  tick() {
    const { stage, verification, link } = this.state ?? {};
    const passed = performance.now() - this.shownAt;
    const open = this.isOpen() && (stage === "second_factor" ? verification : link);
    if (open && passed > open.expires_in * 1000) this.refreshSoon(); // it has just run out
    if (verification?.status === "pending") {
      setText(find("factor-expires"), `valid for ${clock(verification.expires_in * 1000 - passed)}`);
      const { used, max, resend_in: wait } = verification.sends;
      const left = wait * 1000 - passed;
      const resend = find("factor-resend");
      resend.disabled = used >= max || left > 0;
      setText(resend, used >= max ? "Sent as often as possible" : left > 0 ? `Send again in ${clock(left)}` : "Send again");
    }
    if (link) setText(find("link-expires"), `valid for ${clock(link.expires_in * 1000 - passed)}`);
  }

  showWorld({ bot, gateway_url: gateway }) {
    setText(slot("bot-handle"), `@${bot.username}`);
    slot("openapi").href = `${gateway}/openapi.json`;
  }

  showPhoneName(name) {
    setText(find("link-open"), `Open on ${name}'s phone`);
  }
}

/** Carries over how the last code fared: only the answer to that code tells it. */
function keepResults(state, before) {
  if (before && state.verification?.id === before.verification?.id) state.checked = before.checked;
  if (before && state.link?.id === before.link?.id) state.confirmation = before.confirmation;
  return state;
}

/** Tells one sent code from another. */
const sending = ({ verification }) => `${verification?.id} ${verification?.sends.used}`;

/** Tells whether anything that is followed has changed. */
const statuses = ({ verification, link }) => `${verification?.status} ${link?.status}`;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
