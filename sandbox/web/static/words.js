// Sentences for the words that telegate's API uses.

/** Why messaging cannot be used: "reasons" of GET /v1/messaging. */
const reasons = {
  msg2factor_disabled: "Codes by Telegram are switched off for this server (msg2factor is false). Messages still arrive.",
  not_linked: "No Telegram account is linked yet.",
  link_suspended: "The link is suspended. Unlink it and link Telegram again.",
  chat_blocked_bot: "The bot was blocked in Telegram. Unblock it on the phone.",
  cooling_off: "Somebody tapped “Not me” a short while ago. Codes are paused for up to 20 minutes; in this sandbox you can go on as somebody else.",
  transport_down: "Telegram cannot be reached right now. Try again in a moment.",
};

export const reason = (word) => reasons[word] ?? `The reason given is “${word}”.`;

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const span = (seconds) => seconds < 90 ? plural(seconds, "second") : plural(Math.ceil(seconds / 60), "minute");
const attempts = (n) => `${plural(n, "attempt")} left`;

/** How the last code fared: the answer to …/check. */
export function checkResult({ result, attempts_remaining: left }) {
  switch (result) {
    case "incorrect": return `That is not the code. ${attempts(left)}.`;
    case "already_used": return "That code was used before.";
    case "binding_mismatch": return "This sign-in was begun in another browser. Start again.";
    default: return "";
  }
}

/** What became of a verification. */
export function verificationStatus(verification) {
  switch (verification.status) {
    case "pending": return deliveryStatus(verification.delivery);
    case "denied": return "“Not me” was tapped on the phone. This sign-in is stopped and no code is sent for a while.";
    case "exhausted": return "Too many wrong codes. Have a new one sent.";
    case "expired": return "The code has expired. Have a new one sent.";
    case "canceled": return "This code was replaced or canceled. Have a new one sent.";
    case "failed": return verification.delivery.failure?.detail || "The code could not be delivered.";
    default: return "";
  }
}

function deliveryStatus({ status, failure }) {
  switch (status) {
    case "queued": return "The code is on its way…";
    case "sending": return "The code is being sent…";
    case "delivered": return "The code is in Telegram.";
    case "unknown": return "Telegram took the code but gave no answer. Look at the phone.";
    default: return failure?.detail || "The code could not be delivered.";
  }
}

/** What became of a link. */
export function linkStatus({ status, method, label }) {
  const who = label ? ` by ${label}` : "";
  switch (status) {
    case "pending": return "Open the link in Telegram.";
    case "claimed": return method === "handle"
      ? `A code was sent to ${label || "that account"}.`
      : `The link was opened${who}. Tap Connect there, then type the six digits.`;
    case "denied": return "“Not me” was tapped in Telegram. Nothing was linked.";
    case "expired": return "That took too long. Begin again.";
    case "exhausted": return "Too many wrong codes. Begin again.";
    case "canceled": return "A newer link took the place of this one.";
    default: return "";
  }
}

/** How the last confirm code fared: the answer to …/confirm. */
export function confirmResult({ result, attempts_remaining: left }) {
  switch (result) {
    case "incorrect": return `That is not the code. ${attempts(left)}.`;
    case "not_claimed": return "Nobody has opened the link in Telegram yet.";
    case "binding_mismatch": return "This link was begun in another browser. Begin again.";
    default: return "";
  }
}

/** How far a message has come. */
export const messageStatus = {
  queued: "queued",
  sending: "sending",
  delivered: "delivered",
  failed: "not delivered",
  expired: "expired",
  canceled: "canceled",
  unknown: "sent, answer lost",
};

/** Says whether a message can still change. */
export const isFinal = (status) => status !== "queued" && status !== "sending";

/** A span of time as m:ss. */
export function clock(ms) {
  const total = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, "0")}`;
}

/** A problem's sentences beyond its title. */
export function problemDetails(problem) {
  const details = [problem.detail, ...problem.reasons.map(reason), ...problem.errors.map((e) => `${e.pointer}: ${e.detail}`)];
  const { retryAfter } = problem;
  if (retryAfter > 0 && !problem.detail.includes(retryAfter)) details.push(`Try again in ${span(retryAfter)}.`);
  return details.filter(Boolean).join(" ");
}
