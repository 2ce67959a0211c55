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
// is looked at. The answer is the inside of the element; an empty answer (204) ends it, and so does one that holds [data-final].
// Who is inside with the keyboard is not thrown out: without an id to come back to, news wait. data-state says how it goes.
function keepLive(e) {
  const every = Number(e.dataset.every || 5) * 1000;
  let last = "";
  async function refresh() {
    if (!e.isConnected) return;
    if (document.hidden) return void setTimeout(refresh, every);
    try {
      const answer = await fetch(e.dataset.live, { headers: { "X-Live": "1" }, cache: "no-store", redirect: "error" });
      if (answer.status === 401) return void location.reload(); // the session has ended
      if (answer.status === 204) return void (e.dataset.state = "ended");
      if (!answer.ok) throw new Error(answer.status);
      const text = await answer.text();
      const inside = e.contains(document.activeElement) ? document.activeElement : null;
      if (text !== last && (!inside || (inside.id && !inside.matches("input, textarea, select")))) {
        last = text;
        e.innerHTML = text;
        localTimes(e);
        if (inside) document.getElementById(inside.id)?.focus();
        if (e.querySelector("[data-final]")) return void (e.dataset.state = "ended");
      }
      e.dataset.state = "live";
    } catch {
      e.dataset.state = "waiting";
    }
    setTimeout(refresh, every);
  }
  setTimeout(refresh, every);
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

localTimes(document);
for (const e of document.querySelectorAll("[data-live]")) keepLive(e);
