// What My Server asked telegate, for whoever writes such a server.

import { el, setText, slot } from "./dom.js";

/** Lists the exchanges, newest first. */
export function showTrace(exchanges) {
  const list = slot("exchanges");
  const json = JSON.stringify(exchanges);
  if (list.json === json) return;
  list.json = json;
  setText(slot("trace-count"), String(exchanges.length));
  list.replaceChildren(...exchanges.map(exchangeNode));
}

function exchangeNode({ method, path, request, status, answer, ms }) {
  return el("li", { "data-testid": "exchange" },
    el("details", { class: "exchange" },
      el("summary", {},
        el("span", { class: "exchange-call" }, el("b", {}, method), ` ${path}`),
        el("span", { class: `call-code ${status < 400 ? "good" : "bad"}` }, String(status))),
      request ? body("request", request) : null,
      answer ? body(`answer after ${ms} ms`, answer) : null));
}

const body = (name, value) =>
  el("figure", {}, el("figcaption", { class: "note" }, name), el("pre", { tabindex: "0" }, JSON.stringify(value, null, 2)));
