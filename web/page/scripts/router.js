/** Which view is shown: the address after `#/` names it and says what it shows. */

import { Problem } from "./api.js";
import { fill, h } from "./dom.js";
import { words } from "./words/index.js";

/**
 * @typedef {object} View
 * @property {string} title
 * @property {Element} element
 * @property {number} [top] px from which it is seen
 * @property {() => void} [close] ends what the view has begun
 * @property {boolean} [filled] its user fills it in, and would lose that if it were shown anew
 */

/** @typedef {(path: string[], query: URLSearchParams) => View | Promise<View>} Open */

/** Views are loaded when they are first shown. */
const VIEWS = /** @type {Record<string, () => Promise<{open: Open}>>} */ ({
  camera: () => import("./camera/view.js"),
  answer: () => import("./answer/view.js"),
  collection: () => import("./collection/view.js"),
  entry: () => import("./collection/entry.js"),
  add: () => import("./collection/add.js"),
  import: () => import("./collection/import.js"),
  history: () => import("./collection/history.js"),
  more: () => import("./more.js"),
});
const FIRST = "camera";

/** @type {View | null} */
let shown = null;
let turn = 0;

/** Show what the address says, now and whenever it changes. */
export function begin() {
  addEventListener("hashchange", show);
  show();
}

/** Show the same view anew, unless that takes from its user what is not sent yet. */
export function showAgain() {
  if (shown && !shown.filled && !document.querySelector("main dialog[open]")) show();
}

/**
 * Ask something over the view; the question goes when the view does.
 * @param {string} title
 * @param {HTMLFormElement} form
 */
export function askOver(title, form) {
  const element = h("dialog", { "aria-label": title, onclose: () => element.remove() }, form);
  document.getElementById("content")?.append(element);
  element.showModal();
}

/**
 * Go to another view.
 * @param {string} path such as `entry/ID`
 */
export function go(path) {
  location.hash = `#/${path}`;
}

async function show() {
  const mine = ++turn;
  const [path = "", query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const [name = "", ...rest] = path.split("/").map(decoded);
  const part = Object.hasOwn(VIEWS, name) ? name : FIRST;
  const content = /** @type {HTMLElement} */ (document.getElementById("content"));
  const view = await opened(part, rest, new URLSearchParams(query));
  if (mine !== turn) {
    view.close?.();
    return;
  }
  const first = shown === null;
  shown?.close?.();
  shown = view;
  fill(content, view.element);
  document.title = `${view.title} · ${words.app}`;
  document.body.dataset.view = part;
  for (const link of document.querySelectorAll("nav.parts a")) {
    if (/** @type {HTMLElement} */ (link).dataset.part === part) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, view.top ?? 0);
  if (!first) /** @type {HTMLElement | null} */ (content.querySelector("h1"))?.focus({ preventScroll: true });
}

/**
 * @param {string} part
 * @param {string[]} rest
 * @param {URLSearchParams} query
 * @returns {Promise<View>}
 */
async function opened(part, rest, query) {
  try {
    const { open } = await /** @type {() => Promise<{open: Open}>} */ (VIEWS[part])();
    return await open(rest, query);
  } catch (error) {
    if (!(error instanceof Problem)) console.error(error);
    const message = error instanceof Error ? error.message : String(error);
    const again = h("button.primary", { type: "button", onclick: show }, words.retry);
    return { title: words.app, element: h("section.failed", {}, heading(words.app), h("p", { role: "alert" }, message), again) };
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * The heading of a view, which is read out when the view is shown.
 * @param {string} text
 */
export const heading = (text) => h("h1", { tabIndex: -1 }, text);
