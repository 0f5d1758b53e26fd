/** Asks for a token. */

import { logIn } from "./api.js";
import { h } from "./dom.js";
import { words } from "./words/index.js";

/** @type {HTMLDialogElement | null} */
let open = null;

/** Ask no longer: who asks has logged in elsewhere. */
export const hideLogin = () => open?.close();

/** Ask for a token, until the session lets its user read or the question is closed. */
export function showLogin() {
  if (open) return;
  const error = h("p.error", { role: "alert" });
  const token = h("input", { type: "password", id: "token", name: "token", autocomplete: "current-password", required: true });
  const form = h(
    "form",
    { method: "dialog", onsubmit: send },
    h("h2", {}, words.login.title),
    h("p", {}, words.login.help),
    h("label", { htmlFor: "token" }, words.login.token),
    token,
    error,
    h("div.actions", {}, h("button.primary", { type: "submit" }, words.login.submit)),
  );
  const dialog = h("dialog", { "aria-label": words.login.title, onclose: closed }, form);
  open = dialog;
  document.body.append(dialog);
  dialog.showModal();

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    try {
      await logIn(token.value);
      dialog.close();
    } catch (problem) {
      error.textContent = problem instanceof Error ? problem.message : String(problem);
      token.select();
    }
  }

  function closed() {
    dialog.remove();
    open = null;
  }
}
