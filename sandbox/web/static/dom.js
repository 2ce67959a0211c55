// Small helpers for the document. Everything that comes from outside goes in
// as text; nothing is ever parsed as HTML.

/** The element with this data-testid inside root. */
export const find = (name, root = document) => root.querySelector(`[data-testid="${name}"]`);

/** The element with this data-slot inside root. */
export const slot = (name, root = document) => root.querySelector(`[data-slot="${name}"]`);

/** The form with this data-form inside root. */
export const form = (name, root = document) => root.querySelector(`form[data-form="${name}"]`);

/**
 * Builds an element. Strings among the children become text; a property that
 * is a function becomes a listener of that event; null and false are left out.
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets a text only where it differs, so that screen readers hear changes alone. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows or hides an element. */
export function show(node, visible) {
  node.hidden = !visible;
}

/** Calls onSubmit with the values of a form, and keeps the browser from sending it. */
export function onSubmit(formElement, handle) {
  formElement.addEventListener("submit", (event) => {
    event.preventDefault();
    handle(Object.fromEntries(new FormData(formElement)), formElement);
  });
}

/** Copies a text to the clipboard; false where the browser refuses. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** The colour of a person's avatar, out of six, by name. */
export function colourOf(name) {
  let sum = 0;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 1009;
  return `colour-${sum % 6}`;
}

/** Fills in an avatar: the first letter of the name on the person's colour. */
export function paintAvatar(node, name) {
  setText(node, [...name][0]?.toUpperCase() ?? "?");
  node.classList.remove(...[...node.classList].filter((c) => c.startsWith("colour-")));
  node.classList.add(colourOf(name));
}
