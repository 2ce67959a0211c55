// The part of My Server that sends messages and follows them.

import { el, find, form, onSubmit, setText, slot } from "./dom.js";
import { ask } from "./http.js";
import { isFinal, messageStatus } from "./words.js";

const shownMessages = 5;
const firstLook = 250; // ms; each look waits longer than the one before,
const lastLook = 2000; // up to this

export class SendPart {
  constructor(server) {
    this.list = slot("sent");
    this.user = null; // who is signed in
    onSubmit(form("send"), async (values) => {
      const state = await server.act(find("send-submit"), "POST", "/server/messages", values);
      if (state) this.add(state.message, values);
    });
  }

  /** Whoever signs in does not see what was sent before. */
  show({ stage, user }) {
    if (stage !== "signed_in") this.list.replaceChildren();
    else if (user !== this.user) find("send-user").value = user;
    this.user = user;
  }

  async add(message, { user, text }) {
    const status = el("span", { class: "pill" });
    const detail = el("p", { class: "note" });
    const node = el("li", { class: "sent", "data-testid": "sent", "data-message": message.id },
      el("div", { class: "sent-head" }, el("span", { class: "sent-text" }, `${user}: ${text}`), status), detail);
    this.list.prepend(node);
    while (this.list.children.length > shownMessages) this.list.lastElementChild.remove();

    const paint = () => {
      node.dataset.status = message.status;
      setText(status, messageStatus[message.status] ?? message.status);
      status.dataset.tone = message.status === "delivered" ? "good" : isFinal(message.status) ? "bad" : "";
      setText(detail, message.failure?.detail ?? (message.attempts > 1 ? `It took ${message.attempts} attempts.` : ""));
    };
    paint();
    for (let wait = firstLook; !isFinal(message.status) && node.isConnected; wait = Math.min(wait * 1.5, lastLook)) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      try {
        message = await ask("GET", `/server/messages/${encodeURIComponent(message.id)}`);
      } catch (problem) {
        if (problem.status === 401 || problem.status === 404) return;
        continue; // the gateway is away for a moment
      }
      paint();
    }
  }
}
