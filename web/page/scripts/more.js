/** Everything else: the language, who asks, the catalog at a glance. */

import { ask, logOut, session } from "./api.js";
import { h, icon } from "./dom.js";
import { showLogin } from "./login.js";
import { complain } from "./notice.js";
import { heading } from "./router.js";
import { language, LANGUAGES, number, percent, speak, words } from "./words/index.js";

/** @returns {Promise<import("./router.js").View>} */
export async function open() {
  /** @type {import("./answers").CatalogStatus | null} */
  const status = session.mayRead ? await ask("status") : null;
  const choose = (/** @type {Event} */ event) => speak(/** @type {HTMLSelectElement} */ (event.target).value);
  const languages = Object.entries(LANGUAGES).map(([code, { name }]) => h("option", { value: code, selected: code === language, lang: code }, name));
  const element = h(
    "section.further",
    {},
    heading(words.more.title),
    status && h("h2", {}, words.more.catalog),
    status && figures(status),
    h(
      "ul.links",
      {},
      h("li", {}, h("a", { href: "#/history" }, icon("history"), words.history.title)),
      session.mayChange && h("li", {}, h("a", { href: "#/import" }, icon("table"), words.import.title)),
    ),
    h("label.field", {}, h("span", {}, words.more.language), h("select", { onchange: choose }, languages)),
    h("p", {}, words.more.role[session.state.role]),
    h(
      "div.actions",
      {},
      session.state.logged_in
        ? h("button.plain", { type: "button", onclick: () => logOut().catch(complain) }, words.more.logOut)
        : h("button.plain", { type: "button", onclick: showLogin }, words.more.logIn),
    ),
  );
  return { title: words.more.title, element };
}

/** @param {import("./answers").CatalogStatus} status */
function figures(status) {
  const row = (/** @type {string} */ name, /** @type {string} */ value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
  return h(
    "dl.figures",
    {},
    row(words.more.entries, number(status.entries)),
    row(words.more.views, number(status.views)),
    row(words.more.threshold, percent(status.threshold)),
    status.stale_views > 0 && row(words.more.stale, number(status.stale_views)),
  );
}
