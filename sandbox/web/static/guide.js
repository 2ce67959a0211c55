// The three steps at the top of the page.

import { find, setText } from "./dom.js";

/** Ticks the steps off and says what to do next. state is that of My Server. */
export function showGuide(state, phoneName) {
  const done = [state.progress.signed_in, state.progress.linked, state.progress.signed_in_with_code];
  const current = done.indexOf(false);
  done.forEach((isDone, index) => {
    const step = find(`guide-step-${index + 1}`);
    step.dataset.done = isDone;
    step.toggleAttribute("data-current", index === current);
    if (index === current) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
    setText(step.querySelector(".guide-number"), isDone ? "✓" : String(index + 1));
    setText(step.querySelector(".guide-state"), isDone ? " (done)" : "");
  });
  setText(find("guide-hint"), hint(current, state, phoneName));
}

function hint(current, { stage, verification, link, user }, phone) {
  const pending = verification?.status === "pending";
  switch (current) {
    case 0:
      if (stage === "second_factor") return "Telegram is linked already: have the code sent, and type it.";
      return "At My Server press Sign in. No code is asked for yet, because alice has not linked Telegram.";
    case 1:
      if (stage !== "signed_in") return "Sign in, then press Link my Telegram.";
      if (link?.status === "pending") return `Open the link on ${phone}'s phone: the blue button does it.`;
      if (link?.status === "claimed") return `On ${phone}'s phone tap Connect, then type the six digits at My Server.`;
      return "Press Link my Telegram.";
    case 2:
      if (stage === "signed_in") return `Sign out, then sign in as ${user} again.`;
      if (stage === "second_factor") return pending ? `The code is on ${phone}'s phone. Type it at My Server.` : "Have the code sent.";
      return "Sign in again. This time a code is asked for.";
    default:
      return "That was all of it. Now try “Not me”, a wrong code, an alert, blocking the bot, or a failure.";
  }
}
