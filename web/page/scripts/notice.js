/** Short messages that go by themselves, with at most one thing to do about them. */

import { h } from "./dom.js";

const SECONDS = 6;

/**
 * Say something.
 * @param {string} text
 * @param {string} [label] of a button
 * @param {() => void} [act] what the button does
 */
export function notice(text, label, act) {
  const asking = document.querySelector("dialog[open]"); // nothing outside is read out meanwhile
  const place = asking ?? document.getElementById("notices");
  const element = h("p.notice", { role: asking && "alert" }, h("span", {}, text));
  if (label && act) element.append(h("button.plain", { type: "button", onclick: () => (element.remove(), act()) }, label));
  place?.append(element);
  setTimeout(() => element.remove(), SECONDS * 1000);
}

/**
 * Say what went wrong; what is no error for people goes on.
 * @param {unknown} error
 */
export function complain(error) {
  if (error instanceof DOMException && error.name === "AbortError") return;
  notice(error instanceof Error ? error.message : String(error));
  if (!(error instanceof Error && error.constructor.name === "Problem")) console.error(error);
}
