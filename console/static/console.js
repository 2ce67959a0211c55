// What makes the pages nicer. Every page works without it.

// Times are shown in the browser's own time zone: <time datetime="…">.
const clock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });

function localTimes(root) {
  for (const e of root.querySelectorAll("time[datetime]")) {
    const when = new Date(e.dateTime);
    if (isNaN(when)) continue;
    e.title = e.title || e.textContent;
    e.textContent = clock.format(when);
  }
}

// A part of a page that changes by itself, <div id="…" data-live="ADDRESS" data-every="SECONDS">, is asked for anew while the page
// is looked at, and as soon as it is again. The answer is the inside of the element; an empty answer (204) ends it. data-state says
// how it goes.
function keepLive(e) {
  const every = Number(e.dataset.every || 5) * 1000;
  let last = e.innerHTML;
  let timer = setTimeout(refresh, every);
  let busy = false;
  async function refresh() {
    clearTimeout(timer);
    if (busy || document.hidden || e.dataset.state === "ended") return;
    busy = true;
    try {
      const answer = await fetch(e.dataset.live, { headers: { "X-Live": "1" }, cache: "no-store", redirect: "error" });
      if (answer.status === 401) return void location.reload(); // the session has ended
      if (answer.status === 204) return void (e.dataset.state = "ended");
      if (!answer.ok) throw new Error(answer.status);
      show(await answer.text());
      e.dataset.state = "live";
    } catch {
      e.dataset.state = "waiting";
    } finally {
      busy = false;
    }
    timer = setTimeout(refresh, every);
  }
  // What has not changed is left alone, and so is what somebody types into; screen readers would say it again.
  function show(text) {
    const focused = document.activeElement;
    const next = document.createElement("template");
    next.innerHTML = text;
    if (next.innerHTML === last || (e.contains(focused) && focused.matches("input, textarea, select"))) return;
    last = next.innerHTML;
    localTimes(next.content);
    e.replaceChildren(next.content);
    if (focused?.id && !focused.isConnected) document.getElementById(focused.id)?.focus();
  }
  document.addEventListener("visibilitychange", refresh);
}

// <button data-copy="TEXT" hidden>
for (const e of document.querySelectorAll("button[data-copy]")) {
  if (!navigator.clipboard) break;
  e.hidden = false;
  const label = e.textContent;
  e.addEventListener("click", async () => {
    await navigator.clipboard.writeText(e.dataset.copy);
    e.textContent = "Copied";
    setTimeout(() => (e.textContent = label), 2000);
  });
}

for (const e of document.querySelectorAll("[data-live]")) keepLive(e);
localTimes(document);
