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
// is looked at, and as soon as it is again. The answer is the inside of the element; an empty answer (204) ends it, and
// so does one that holds [data-final]. data-state says how it goes.
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
      if (e.querySelector("[data-final]")) return void (e.dataset.state = "ended");
      e.dataset.state = "live";
    } catch {
      e.dataset.state = "waiting";
    } finally {
      busy = false;
    }
    timer = setTimeout(refresh, every);
  }
  // What has not changed is left alone, since screen readers would say it again, and so is what somebody types into, or stands in with
  // the keyboard and could not be put back into for want of an id.
  function show(text) {
    const focused = document.activeElement;
    const next = document.createElement("template");
    next.innerHTML = text;
    if (next.innerHTML === last || (e.contains(focused) && (!focused.id || focused.matches("input, textarea, select")))) return;
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

// A time to be typed, <input type="datetime-local" data-exact="NAME" data-at="TIME">, is meant in the browser's own time zone, which
// [data-zone] names; the field of that name gets it in UTC. Without JavaScript what is typed is UTC.
for (const e of document.querySelectorAll("input[data-exact]")) {
  const exact = e.form.elements[e.dataset.exact];
  const zone = e.form.querySelector("[data-zone]");
  const two = (n) => String(n).padStart(2, "0");
  const tell = () => {
    const at = e.value ? new Date(e.value) : null;
    exact.value = at ? at.toISOString() : "";
    const ahead = -(at ?? new Date()).getTimezoneOffset();
    const hours = `UTC${ahead < 0 ? "−" : "+"}${two(Math.floor(Math.abs(ahead) / 60))}:${two(Math.abs(ahead) % 60)}`;
    zone.textContent = `your time: ${Intl.DateTimeFormat().resolvedOptions().timeZone}, ${hours}` + (at ? `; that is ${at.toISOString().slice(0, 16).replace("T", " ")} UTC` : "");
  };
  if (e.dataset.at) {
    const at = new Date(e.dataset.at);
    e.value = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
  }
  e.addEventListener("input", tell);
  tell();
}

// <fieldset data-shown-by="INPUT-ID"> is there only while that is chosen.
for (const e of document.querySelectorAll("[data-shown-by]")) {
  const choice = document.getElementById(e.dataset.shownBy);
  const tell = () => (e.hidden = !choice.checked);
  choice.form.addEventListener("change", tell);
  tell();
}

for (const e of document.querySelectorAll("[data-live]")) keepLive(e);
localTimes(document);
