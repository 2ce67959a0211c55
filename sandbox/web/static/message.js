// A message in a chat: text with entities, buttons, documents.

import { el } from "./dom.js";

const inline = {
  bold: "b",
  italic: "i",
  underline: "u",
  strikethrough: "s",
  blockquote: "blockquote",
  expandable_blockquote: "blockquote",
};

/** Says whether a link leads into Telegram, and so to a phone of this page. */
export const isTelegramLink = (href) => /^(tg:|https?:\/\/(www\.)?(t\.me|telegram\.(me|dog))\/)/i.test(href);

/**
 * Builds a message. actions: tap(button), say(text) and copy(text), what to do
 * when a button, a command or a piece of code is touched.
 */
export function messageNode(person, message, actions) {
  const bubble = el("div", { class: "bubble" });
  if (message.document) bubble.append(documentNode(person, message));
  if (message.text) {
    bubble.append(el("div", { class: "message-text", dir: "auto", "data-testid": "message-text" }, ...textNodes(message, actions)));
  }
  bubble.append(metaNode(message));
  const node = el("div", {
    class: "message",
    "data-testid": "message",
    "data-message": message.id,
    "data-from": message.from_bot ? "bot" : "person",
  }, bubble);
  if (message.buttons) node.append(...message.buttons.map((row) => rowNode(row, message, actions)));
  return node;
}

function metaNode(message) {
  const date = new Date(message.date);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const marks = [message.silent && "silent", message.edited && "edited"].filter(Boolean).join(" · ");
  return el("p", { class: "meta" }, marks ? `${marks} ` : "", el("time", { datetime: message.date, "data-testid": "message-time" }, time));
}

function documentNode(person, message) {
  const { file_name: name, size } = message.document;
  return el("a", { class: "document", "data-testid": "document", href: `/phones/${person}/documents/${message.id}`, download: name },
    el("span", { class: "document-icon", "aria-hidden": "true" }, el("span", { class: "icon icon-file" })),
    el("span", {}, el("b", {}, name), el("small", {}, fileSize(size))));
}

function fileSize(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

function rowNode(row, message, actions) {
  return el("div", { class: "button-row" }, ...row.map((button) => {
    const properties = { class: `inline-button ${button.style ?? ""}`, "data-testid": "inline-button", "data-label": button.text };
    if (button.url) return el("a", { ...properties, ...linkTo(button.url) }, button.text, mark("open"));
    if (button.copy_text) return el("button", { ...properties, type: "button", click: () => actions.copy(button.copy_text) }, button.text, mark("copy"));
    return el("button", { ...properties, type: "button", click: (event) => actions.tap(message.id, button.text, event.currentTarget) }, button.text);
  }));
}

const mark = (icon) => el("span", { class: `icon icon-${icon} button-mark`, "aria-hidden": "true" });

/** The properties of a link to anywhere; none where the address is not one to follow. */
function linkTo(address) {
  const href = /^[a-z]+:/i.test(address) ? address : `https://${address}`;
  if (isTelegramLink(href)) return { href };
  if (!/^(https?|mailto):/i.test(href)) return {};
  return { href, target: "_blank", rel: "noopener noreferrer" };
}

/**
 * The nodes of a text. Offsets of entities count UTF-16 units, as JavaScript's
 * own strings do. Entities may nest; one that crosses the end of another is cut.
 */
function textNodes({ text, entities, from_bot: fromBot }, actions) {
  const sorted = [...(entities ?? [])].sort((a, b) => a.offset - b.offset || b.length - a.length);
  const build = (start, end, list, bare) => {
    const nodes = [];
    let at = start;
    while (list.length > 0) {
      const [entity] = list;
      const from = Math.max(at, entity.offset);
      const to = Math.min(end, entity.offset + entity.length);
      const inside = list.slice(1).filter((e) => e.offset < to);
      list = list.slice(1).filter((e) => e.offset >= to);
      if (to <= from) continue;
      nodes.push(...plainNodes(text.slice(at, from), bare, fromBot, actions));
      nodes.push(entityNode(entity, text.slice(from, to), (plain) => build(from, to, inside, plain), actions));
      at = to;
    }
    nodes.push(...plainNodes(text.slice(at, end), bare, fromBot, actions));
    return nodes;
  };
  return build(0, text.length, sorted, false);
}

/** One entity; children(bare) builds what is inside, bare without links of its own. */
function entityNode(entity, covered, children, actions) {
  switch (entity.type) {
    case "code":
      return el("code", { class: "copyable", role: "button", tabindex: "0", title: "Copy", click: () => actions.copy(covered), keydown: onEnter(() => actions.copy(covered)) }, ...children(true));
    case "pre":
      return el("pre", { tabindex: "0" }, entity.language ? el("span", { class: "pre-language" }, entity.language) : "", el("code", {}, ...children(true)));
    case "text_link":
      return el("a", linkTo(entity.url ?? ""), ...children(true));
    case "url":
      return el("a", linkTo(covered), ...children(true));
    case "email":
      return el("a", linkTo(`mailto:${covered}`), ...children(true));
    case "bot_command":
      return commandNode(covered, actions);
    case "spoiler":
      return spoilerNode(children(false));
    case "mention":
    case "hashtag":
    case "cashtag":
    case "phone_number":
    case "text_mention":
      return el("span", { class: "mention" }, ...children(true));
    default:
      return el(inline[entity.type] ?? "span", {}, ...children(false));
  }
}

function spoilerNode(children) {
  const reveal = (event) => {
    const node = event.currentTarget;
    node.classList.add("revealed");
    for (const name of ["role", "tabindex", "aria-label"]) node.removeAttribute(name);
  };
  return el("span", { class: "spoiler", role: "button", tabindex: "0", "aria-label": "Hidden text, press to show", click: reveal, keydown: onEnter(reveal) },
    el("span", {}, ...children));
}

const onEnter = (act) => (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  act(event);
};

const commandNode = (command, actions) =>
  el("button", { type: "button", class: "command-link", click: () => actions.say(command) }, command);

// What Telegram's apps turn into links by themselves: addresses and commands.
const linkable = /(?:https?:\/\/|tg:\/\/|\b(?:t\.me|telegram\.(?:me|dog))\/)[^\s<>"]*[^\s<>".,:;!?)\]]|(?<![\w/<])\/[a-z][a-z0-9_]{0,31}\b(?!\/)/gi;

function plainNodes(text, bare, fromBot, actions) {
  if (bare || text === "") return text === "" ? [] : [text];
  const nodes = [];
  let at = 0;
  for (const match of text.matchAll(linkable)) {
    const [found] = match;
    const isCommand = found.startsWith("/");
    if (isCommand && !fromBot) continue;
    nodes.push(text.slice(at, match.index));
    nodes.push(isCommand ? commandNode(found, actions) : el("a", linkTo(found), found));
    at = match.index + found.length;
  }
  nodes.push(text.slice(at));
  return nodes.filter((node) => node !== "");
}
