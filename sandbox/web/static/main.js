// The page: wires My Server, the phones, the failures and the event stream.

import { find, setText, show, slot } from "./dom.js";
import { Faults } from "./faults.js";
import { showGuide } from "./guide.js";
import { isTelegramLink } from "./message.js";
import { Phones } from "./phones.js";
import { MyServer } from "./server.js";
import { follow } from "./stream.js";

const narrow = matchMedia("(max-width: 719px)"); // as in base.css

const phones = new Phones({
  inView: () => !narrow.matches || document.body.dataset.view === "phones",
  selected: (phone) => {
    server.showPhoneName(phone.data.name);
    guide();
  },
  unread: (count) => showBadge("nav-unread", count),
  changed: () => server.refreshSoon(),
});

const server = new MyServer({
  changed: guide,
  userChanged: (user) => phones.selectKey(user),
});

const faults = new Faults((count) => showBadge("nav-faults-on", count));

function guide() {
  if (server.state) showGuide(server.state, phones.selected?.data.name ?? "the");
}

function showBadge(name, count) {
  const badge = slot(name);
  setText(badge, count > 0 ? String(count) : "");
  show(badge, count > 0);
}

// On narrow screens one part of the page is seen at a time.
function showView(view) {
  document.body.dataset.view = view;
  for (const button of document.querySelectorAll(".nav button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  slot("page").scrollTop = 0;
  if (view === "phones") phones.seen();
}
for (const button of document.querySelectorAll(".nav button")) {
  button.addEventListener("click", () => showView(button.dataset.view));
}

// A link into Telegram opens on a phone of this page: on the one it is shown
// on, else on the one in the hand. It never leaves the page.
function openOnPhone(event) {
  const link = event.target.closest?.("a[href]");
  if (!link || !isTelegramLink(link.href)) return;
  event.preventDefault();
  const place = link.closest('[data-testid="phone"]');
  const phone = place ? phones.byID.get(Number(place.dataset.person)) : phones.selected;
  if (!phone) return;
  showView("phones");
  phone.open(link.href);
}
document.addEventListener("click", openOnPhone);
document.addEventListener("auxclick", openOnPhone);

follow({
  world: (world) => {
    phones.showWorld(world);
    faults.showSwitches(world.faults);
    faults.showCalls(world.calls);
    server.showWorld(world);
    guide();
  },
  phone: (phone) => phones.showPhone(phone),
  toast: (toast) => phones.showToast(toast),
  faults: (now) => faults.showSwitches(now),
  calls: (calls) => faults.showCalls(calls),
}, (state) => {
  const node = find("stream");
  node.dataset.state = state;
  setText(node.querySelector(".stream-word"), state === "live" ? "live" : "connecting…");
  if (state === "live") server.refreshSoon();
});

server.load();
