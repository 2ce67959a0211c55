// The Telegram part of My Server: link, confirm, unlink.

import { copy, find, form, onSubmit, setText, show, slot } from "./dom.js";
import { confirmResult, linkStatus, reason } from "./words.js";

export class LinkPart {
  constructor(server) {
    const press = (name, method, path, body) =>
      find(name).addEventListener("click", (event) => server.act(event.currentTarget, method, path, body));
    press("link-start", "POST", "/server/link", { handle: "" });
    press("link-cancel", "DELETE", "/server/link");
    press("unlink", "DELETE", "/server/telegram");
    onSubmit(form("handle"), async (values) => {
      const state = await server.act(find("link-handle-start"), "POST", "/server/link", values);
      if (state) find("link-code").focus();
    });
    onSubmit(form("confirm"), async (values, target) => {
      const state = await server.act(find("link-confirm"), "POST", "/server/link/confirm", values);
      if (state?.confirmation.verified) target.reset();
      else find("link-code").select();
    });
    find("link-command-copy").addEventListener("click", async (event) => {
      const button = event.currentTarget;
      setText(button, await copy(find("link-command").textContent) ? "Copied" : "Select it");
      setTimeout(() => setText(button, "Copy"), 2000);
    });
  }

  show(state) {
    const { telegram, link } = state;
    const linked = telegram?.linked ?? false;
    const open = link?.status === "pending" || link?.status === "claimed";
    this.showCapability(telegram, linked, open);
    this.showLink(state, open);
  }

  showCapability(telegram, linked, open) {
    const box = find("telegram");
    box.dataset.linked = linked;
    box.dataset.usable = telegram?.usable_for_2fa ?? false;
    const pill = find("telegram-status");
    const [words, tone] = !telegram ? ["unknown", "warn"]
      : !linked ? ["not linked", ""]
      : telegram.usable_for_2fa ? ["linked", "good"]
      : ["cannot be used now", "warn"];
    setText(pill, words);
    pill.dataset.tone = tone;

    const list = find("telegram-reasons");
    const shown = (telegram?.reasons ?? []).filter((word) => word !== "not_linked").map(reason);
    if (list.dataset.shown !== shown.join()) {
      list.dataset.shown = shown.join();
      list.replaceChildren(...shown.map((words) => Object.assign(document.createElement("li"), { textContent: words })));
    }
    show(list, shown.length > 0);

    show(slot("linked"), linked);
    const who = [telegram?.link?.name, telegram?.link?.handle].filter(Boolean);
    setText(slot("linked-words"), `${who[0] ?? "A Telegram account"}${who[1] ? ` (${who[1]})` : ""} gets the codes and messages.`);
    show(slot("unlinked"), !open);
    show(form("handle"), !linked);
    const start = find("link-start");
    setText(start, linked ? "Link another account instead" : "Link my Telegram");
    start.classList.toggle("primary", !linked);
    start.classList.toggle("quiet", linked);
  }

  showLink({ link, confirmation }, open) {
    const box = find("link");
    const wasClaimed = box.dataset.status === "claimed";
    box.dataset.status = link?.status ?? "";
    show(box, link && link.status !== "verified");
    if (!link) return;

    const words = confirmation && open ? confirmResult(confirmation) : "";
    const line = find("link-status");
    setText(line, words || linkStatus(link));
    line.dataset.tone = words || !open ? "bad" : "";

    const claimed = link.status === "claimed";
    if (claimed && !wasClaimed) form("confirm").reset();
    show(form("confirm"), claimed);
    show(find("link-expires").closest(".row"), open);
    show(slot("link-ways"), link.status === "pending");
    if (link.start_url) {
      find("link-open").href = link.start_url;
      slot("qr-link").href = link.start_url;
      find("link-app-open").href = link.app_url;
      find("link-qr").src = link.qr_svg;
      setText(find("link-command"), link.start_command);
    }
  }
}
