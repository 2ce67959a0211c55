// The failure switches and the list of Bot API calls.

import { el, find, setText, show, slot } from "./dom.js";
import { ask } from "./http.js";

/** onCount hears how many switches are on. */
export class Faults {
  constructor(onCount) {
    this.onCount = onCount;
    this.switches = [...document.querySelectorAll("[data-fault]")];
    this.calls = [];
    for (const input of this.switches) {
      input.addEventListener("change", () => this.change("PUT", `/faults/${input.dataset.fault}`, { on: input.checked }));
    }
    find("faults-clear").addEventListener("click", () => this.change("DELETE", "/faults"));
    find("calls-polls").addEventListener("change", () => this.listCalls());
  }

  /** Asks for a change; the event stream tells what came of it. */
  async change(method, path, body) {
    try {
      await ask(method, path, body);
    } catch {
      this.showSwitches(this.now); // the page says by itself that the sandbox is away
    }
  }

  showSwitches(now) {
    this.now = now;
    for (const input of this.switches) input.checked = now[input.dataset.fault];
    this.onCount(Object.values(now).filter(Boolean).length);
  }

  showCalls(calls) {
    this.calls = calls;
    this.listCalls();
  }

  listCalls() {
    const polls = find("calls-polls").checked;
    const shown = this.calls.filter((call) => polls || call.method !== "getUpdates" || call.code !== 200);
    slot("calls").replaceChildren(...shown.map(callRow));
    show(slot("calls-empty"), shown.length === 0);
    setText(slot("calls-empty"), this.calls.length === 0 ? "No call yet." : "Only polls so far.");
  }
}

function callRow(call) {
  const time = new Date(call.time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  const grade = call.code >= 200 && call.code < 300 ? "good" : call.code === 429 || call.code === 409 ? "warn" : "bad";
  return el("tr", { "data-testid": "call", "data-method": call.method, "data-code": call.code },
    el("td", { class: "call-time" }, time),
    el("td", { class: "call-method" }, call.method),
    el("td", {}, call.chat ?? ""),
    el("td", {}, el("span", { class: `call-code ${grade}` }, call.code === 0 ? "cut" : String(call.code))),
    el("td", { class: "call-words" }, describe(call)));
}

function describe({ code, delivered, description }) {
  if (code !== 0) return description ?? "";
  return delivered ? "delivered, the answer was lost" : description || "no answer was given";
}
