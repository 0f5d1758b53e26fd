/** What happened, each with a button that undoes it. */

import { ask, session } from "../api.js";
import { h, icon } from "../dom.js";
import { complain, notice } from "../notice.js";
import { time, words } from "../words/index.js";
import { nameOf } from "./fields.js";

/** @typedef {import("../answers").Event} Event */

/**
 * Undo a change: the one with a number, the last one of an entry, or the last one.
 * @param {Partial<import("../answers").Undoing>} what
 */
export const undo = (what) => ask("undo", { method: "POST", body: what });

/**
 * @param {Event[]} events newest first
 * @param {() => void} undone what follows an undoing
 */
export function eventList(events, undone) {
  return h("ol.events", {}, events.map((event) => h("li", {}, eventLine(event, undone))));
}

/**
 * @param {Event} event
 * @param {() => void} undone
 */
function eventLine(event, undone) {
  const act = async () => {
    try {
      await undo({ event: event.number });
      notice(words.entry.undone);
      undone();
    } catch (error) {
      complain(error);
    }
  };
  return [
    h("time", { dateTime: event.at }, time(event.at)),
    h("span.what", {}, h("a", { href: `#/entry/${encodeURIComponent(event.entry)}` }, event.details.name ?? event.entry), " ", saidOf(event)),
    h("span.who.faint", {}, event.who || words.history.somebody),
    session.mayChange && h("button.plain", { type: "button", onclick: act }, icon("undo"), words.history.undo),
  ];
}

/** @param {Event} event */
function saidOf({ kind, details, undoes }) {
  const count = Array.isArray(details.views) ? details.views.length : 1;
  const said = {
    added: () => (details.new ? `${words.history.addedNew}, ${words.history.added(count)}` : words.history.added(count)),
    updated: () => `${words.history.updated}: ${Object.keys(details.after ?? {}).map(nameOf).join(", ")}`,
    changed: () => words.history.changed,
    removed: () => (details.whole ? words.history.removedWhole : words.history.removed(count)),
  }[kind];
  return `${said?.() ?? kind}${undoes ? ` (${words.history.undoes})` : ""}`;
}
