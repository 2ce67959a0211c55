// Requests to the page's own server.

/** What went wrong, in words for people; the body of an RFC 9457 answer. */
export class Problem extends Error {
  constructor({ title, detail, status, reasons, retry_after, start_url, errors }) {
    super(title);
    this.title = title;
    this.detail = detail ?? "";
    this.status = status ?? 0;
    this.reasons = reasons ?? [];
    this.retryAfter = retry_after ?? 0;
    this.startURL = start_url ?? "";
    this.errors = errors ?? [];
  }
}

/**
 * Sends a request and returns the decoded answer. Throws a Problem, or the
 * browser's AbortError when the signal was used.
 */
export async function ask(method, path, body, signal) {
  let response;
  try {
    response = await fetch(path, {
      method,
      signal,
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({ title: "The sandbox cannot be reached", detail: "Look whether it still runs in the terminal." });
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer !== null) return answer;
  throw new Problem(answer?.title ? answer : { title: "The sandbox refused", detail: `It answered ${response.status}.`, status: response.status });
}
