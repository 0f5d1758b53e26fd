/** What happened to all entries. */

import { ask } from "../api.js";
import { h } from "../dom.js";
import { complain } from "../notice.js";
import { heading, showAgain } from "../router.js";
import { words } from "../words/index.js";
import { eventList } from "./events.js";

const PAGE = 50; // events of one answer

/** @returns {Promise<import("../router.js").View>} */
export async function open() {
  const more = h("button.plain", { type: "button", onclick: () => show().catch(complain) }, words.history.more);
  const element = h("section.history", {}, heading(words.history.title), more);
  let cursor = "";
  await show();
  return { title: words.history.title, element };

  async function show() {
    /** @type {import("../answers").EventPage} */
    const page = await ask("history", { query: { limit: PAGE, cursor } });
    cursor = page.next;
    more.before(page.events.length || more.previousElementSibling?.tagName === "OL" ? eventList(page.events, showAgain) : h("p", {}, words.history.empty));
    more.hidden = !cursor;
  }
}
