// The stream of changes from the simulated Telegram, as server-sent events.

const retryAfter = 2000; // ms, where the browser itself has given up

/**
 * Follows the stream for as long as the page is in front. handlers maps the
 * name of an event to a function of its data; onState hears "live" or
 * "waiting". Each connection begins with the event "world".
 */
export function follow(handlers, onState) {
  let source = null;
  let retry = 0;

  function connect() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("/events");
    source.addEventListener("open", () => onState("live"));
    source.addEventListener("error", () => {
      onState("waiting");
      if (source?.readyState === EventSource.CLOSED) retry = setTimeout(connect, retryAfter);
    });
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
  }

  // A browser opens few connections to one server: a page in the background
  // gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(retry);
      source?.close();
      source = null;
      onState("waiting");
    } else if (source === null) {
      connect();
    }
  });
  connect();
}
