// The phones: one for each simulated person, and which of them is in the hand.

import { copy, el, find, form, onSubmit, paintAvatar, setText, show, slot } from "./dom.js";
import { ask } from "./http.js";
import { messageNode } from "./message.js";
import { problemDetails } from "./words.js";

const toastFor = 4000; // ms

/** One phone: the chat of one person with the bot. */
class Phone {
  constructor(data, bot, onTouch) {
    this.data = data;
    this.unread = 0;
    this.messages = new Map(); // id → {json, node}
    this.newest = 0;           // the highest message id seen
    this.atEnd = true;         // the chat is scrolled to its end, and stays there
    this.node = document.getElementById("phone-template").content.firstElementChild.cloneNode(true);
    this.tabName = el("span", { class: "tab-name" });
    this.badge = el("span", { class: "badge", hidden: true });
    this.tabAvatar = el("span", { class: "avatar small", "aria-hidden": "true" });
    this.tab = el("button", { type: "button", class: "tab", "data-testid": "phone-tab", "data-phone": data.key, "aria-pressed": "false", click: onTouch },
      this.tabAvatar, this.tabName, this.badge);
    this.chat = slot("chat", this.node);
    this.problem = find("phone-problem", this.node);
    this.menu = find("phone-menu", this.node);

    this.node.dataset.phone = data.key;
    this.node.dataset.person = data.id;
    this.chat.setAttribute("aria-label", `Chat of ${data.name} with the bot`);
    setText(slot("bot-name", this.node), bot.name);
    setText(slot("menu-label", this.node), `More on ${data.name}'s phone`);
    for (const [name, label] of [["phone-input", "Message to the bot"], ["phone-link", "A t.me link to open"]]) {
      find(name, this.node).setAttribute("aria-label", `${label}, on ${data.name}'s phone`);
    }
    this.listen(onTouch);
    this.update(data);
  }

  listen(onTouch) {
    this.node.addEventListener("pointerdown", onTouch);
    this.node.addEventListener("focusin", onTouch);
    this.chat.addEventListener("scroll", () => {
      this.atEnd = this.chat.scrollHeight - this.chat.scrollTop - this.chat.clientHeight < 24;
    });
    new ResizeObserver(() => this.keepEnd()).observe(this.chat);

    const press = (name, method, path) => find(name, this.node).addEventListener("click", () => this.act(method, path));
    press("phone-start", "POST", "start");
    press("phone-unblock", "POST", "unblock");
    press("phone-menu-unblock", "POST", "unblock");
    press("phone-block", "POST", "block");
    press("phone-delete-sure", "DELETE", "");
    find("phone-delete", this.node).addEventListener("click", () => show(find("phone-delete-sure", this.node), true));
    this.menu.addEventListener("toggle", () => {
      show(find("phone-delete-sure", this.node), false);
      if (!this.menu.open) return;
      find("phone-username", this.node).value = this.data.username ?? "";
      find("phone-language", this.node).value = this.data.language ?? "";
    });
    this.menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.menu.open = false;
      this.menu.querySelector("summary").focus();
    });

    onSubmit(form("say", this.node), async ({ text }, target) => {
      if (text.trim() !== "" && await this.act("POST", "say", { text })) target.reset();
    });
    onSubmit(form("open", this.node), async ({ link }, target) => {
      if (await this.open(link)) target.reset();
    });
    onSubmit(form("username", this.node), ({ username }) => this.act("PUT", "username", { username }));
    onSubmit(form("language", this.node), ({ language }) => this.act("PUT", "language", { language: language.trim() }));
  }

  /**
   * Does something on this phone; false, and the reason on the phone, where that
   * fails. What it changes comes with the event stream alone: an answer may be
   * older than the events that overtook it.
   */
  async act(method, path, body) {
    try {
      await ask(method, `/phones/${this.data.id}${path && `/${path}`}`, body);
    } catch (problem) {
      setText(this.problem, problemDetails(problem) || problem.title);
      show(this.problem, true);
      return false;
    }
    this.menu.open = false;
    show(this.problem, false);
    return true;
  }

  /** Opens a link as if it had been touched on this phone. */
  open(link) {
    return this.act("POST", "open", { link: link.trim() });
  }

  /** Shows the present state and returns how many messages of the bot are new. */
  update(data) {
    this.data = data;
    for (const state of ["started", "blocked", "deleted"]) this.node.dataset[state] = data[state];
    setText(this.tabName, data.name);
    setText(slot("owner", this.node), data.name);
    const account = data.deleted ? "deleted account" : data.username ? `@${data.username}` : "no user name";
    setText(slot("owner-username", this.node), data.language ? `${account} · ${data.language}` : account);
    this.tab.title = account;
    paintAvatar(this.tabAvatar, data.name);
    this.showFoot();
    return this.showMessages();
  }

  showFoot() {
    const { started, blocked, deleted } = this.data;
    show(find("phone-start", this.node), !started && !blocked && !deleted);
    show(find("phone-unblock", this.node), blocked && !deleted);
    show(slot("gone", this.node), deleted);
    show(form("say", this.node), started && !blocked && !deleted);
    show(this.menu, !deleted);
    show(form("open", this.node), !deleted);
    show(find("phone-block", this.node), started && !blocked);
    show(find("phone-menu-unblock", this.node), blocked);
  }

  showMessages() {
    const actions = {
      say: (text) => this.act("POST", "say", { text }),
      copy: async (text) => this.toast(await copy(text) ? `Copied ${text}` : "This browser does not let the page copy."),
      tap: async (message, button, node) => {
        node.disabled = true;
        await this.act("POST", "tap", { message_id: message, button });
        node.disabled = false;
      },
    };
    let fresh = 0;
    let mine = false;
    const present = new Set();
    for (const message of this.data.messages) {
      present.add(message.id);
      const json = JSON.stringify(message);
      const shown = this.messages.get(message.id);
      if (shown?.json === json) continue;
      const node = messageNode(this.data.id, message, actions);
      if (shown) shown.node.replaceWith(node);
      else this.chat.append(node);
      this.messages.set(message.id, { json, node });
      if (message.id > this.newest) {
        if (message.from_bot) fresh++;
        else mine = true;
      }
    }
    for (const [id, { node }] of this.messages) {
      if (present.has(id)) continue;
      node.remove();
      this.messages.delete(id);
    }
    this.newest = this.data.messages.at(-1)?.id ?? 0; // after a restart of the sandbox ids begin anew
    show(slot("chat-empty", this.node), this.data.messages.length === 0 && !this.data.deleted);
    if (mine) this.atEnd = true;
    this.keepEnd();
    return fresh;
  }

  keepEnd() {
    if (this.atEnd) this.chat.scrollTop = this.chat.scrollHeight;
  }

  /** Shows a short text for a moment, as Telegram does after a button was tapped. */
  toast(text) {
    if (!text) return;
    const node = find("phone-toast", this.node);
    node.textContent = text;
    show(node, true);
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => show(node, false), toastFor);
  }

  select(selected) {
    this.node.classList.toggle("selected", selected);
    this.tab.setAttribute("aria-pressed", String(selected));
  }

  setUnread(count) {
    this.unread = count;
    setText(this.badge, count > 0 ? String(count) : "");
    show(this.badge, count > 0);
  }
}

/** Scrolls a row just far enough to show one of its items; never up or down. */
function scrollSideways(row, item) {
  const frame = row.getBoundingClientRect();
  const box = item.getBoundingClientRect();
  if (box.left < frame.left) row.scrollLeft -= frame.left - box.left + 2;
  else if (box.right > frame.right) row.scrollLeft += box.right - frame.right + 2;
}

/**
 * All phones. callbacks: selected(phone) when another phone is taken in the
 * hand, unread(count) when the number of unread messages changes, changed()
 * when something happened on any phone. inView() says whether phones are seen.
 */
export class Phones {
  constructor(callbacks) {
    this.callbacks = callbacks;
    this.byID = new Map();
    this.selected = null;
    this.row = slot("phones");
    this.tabs = slot("phone-tabs");
    document.addEventListener("pointerdown", (event) => {
      for (const { menu } of this.byID.values()) {
        if (menu.open && !menu.contains(event.target)) menu.open = false;
      }
    });
    this.listenNewPerson();
  }

  /** Takes over the whole world: after a restart of the sandbox, other people may live in it. */
  showWorld({ bot, phones }) {
    this.bot = bot;
    const present = new Set(phones.map((phone) => phone.id));
    for (const [id, phone] of this.byID) {
      if (present.has(id)) continue;
      phone.node.remove();
      phone.tab.remove();
      this.byID.delete(id);
      if (this.selected === phone) this.selected = null;
    }
    for (const data of phones) this.showPhone(data, false);
    if (this.selected === null && this.byID.size > 0) this.select(this.byID.values().next().value);
  }

  /** Shows one phone, a new one too. With news, new messages of the bot count as unread. */
  showPhone(data, news = true) {
    const known = this.byID.get(data.id);
    if (!known) {
      const phone = new Phone(data, this.bot, () => this.select(phone));
      this.byID.set(data.id, phone);
      this.tabs.append(phone.tab);
      this.row.append(phone.node);
      return phone;
    }
    const fresh = known.update(data);
    if (news && fresh > 0 && !(known === this.selected && this.callbacks.inView())) {
      known.setUnread(known.unread + fresh);
      this.countUnread();
    }
    if (news) this.callbacks.changed();
    return known;
  }

  showToast({ person, text }) {
    this.byID.get(person)?.toast(text);
  }

  select(phone) {
    if (phone.unread > 0) {
      phone.setUnread(0);
      this.countUnread();
    }
    if (phone === this.selected) return;
    this.selected?.select(false);
    this.selected = phone;
    phone.select(true);
    this.callbacks.selected(phone);
    scrollSideways(this.tabs, phone.tab);
    scrollSideways(this.row, phone.node);
  }

  /** Takes the phone with this key in the hand, where there is one. */
  selectKey(key) {
    for (const phone of this.byID.values()) {
      if (phone.data.key === key) this.select(phone);
    }
  }

  /** Marks the selected phone as read: it has just come into view. */
  seen() {
    if (this.selected) this.select(this.selected);
  }

  countUnread() {
    let total = 0;
    for (const phone of this.byID.values()) total += phone.unread;
    this.callbacks.unread(total);
  }

  listenNewPerson() {
    const dialog = slot("new-person-dialog");
    const line = slot("new-person-problem");
    find("new-person").addEventListener("click", () => {
      form("new-person").reset();
      show(line, false);
      dialog.showModal();
    });
    find("new-person-cancel").addEventListener("click", () => dialog.close());
    onSubmit(form("new-person"), async ({ name }) => {
      let data;
      try {
        data = await ask("POST", "/phones", { name });
      } catch (problem) {
        setText(line, problemDetails(problem) || problem.title);
        show(line, true);
        return;
      }
      dialog.close();
      this.select(this.byID.get(data.id) ?? this.showPhone(data));
    });
  }
}
