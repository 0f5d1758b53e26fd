/** One coin of an answer: the catalog's best entry beside it, and the other candidates. */

import { ask, formOf, pictureOf, session } from "../api.js";
import { factsOf } from "../entries.js";
import { beginAdding } from "../collection/adding.js";
import { fill, h, icon } from "../dom.js";
import { complain, notice } from "../notice.js";
import { percent, words } from "../words/index.js";
import { comparer } from "./comparer.js";

/** @typedef {import("../answers").Match} Match */
/** @typedef {{ellipse: import("../answers").Ellipse | null, known: boolean, margin: number, matches: Match[], notes: string[]}} Seen */

const CLOSE = 0.15; // margin below which the second candidate is worth a word

/**
 * What was seen, and the photo in which it was.
 * @param {(() => Promise<Blob>) | null} photo of this coin alone, to be added; null if there is none
 * @param {ImageBitmap | null} bitmap of it; null if the browser cannot read it
 * @param {Seen} seen
 */
export function coinAnswer(photo, bitmap, seen) {
  if (!seen.ellipse) {
    return h("div.result", {}, h("h2", {}, words.answer.noCoin), h("p", {}, words.answer.noCoinHelp));
  }
  const place = h("div.compared");
  const element = h(
    "div.result",
    {},
    !seen.known && h("div.unknown", {}, h("h2", {}, words.answer.unknown), h("p", {}, words.answer.unknownHelp), adding(photo)),
    place,
    seen.known && seen.matches.length > 1 && seen.margin < CLOSE && h("p.hint", {}, words.answer.close),
    seen.matches.length > 1 && h("h3", {}, words.answer.others),
    candidates(seen, choose),
    seen.notes.map((note) => h("p.faint", {}, note)),
    seen.known && adding(photo),
  );
  if (seen.matches[0]) choose(seen.matches[0]);
  return element;

  /** @param {Match} match */
  function choose(match) {
    fill(place, about(match, seen, photo, bitmap));
    for (const button of element.querySelectorAll("button.candidate")) {
      button.setAttribute("aria-pressed", String(/** @type {HTMLElement} */ (button).dataset.entry === match.entry.id));
    }
  }
}

/** @param {(() => Promise<Blob>) | null} photo */
function adding(photo) {
  if (!session.mayChange || !photo) return null;
  const add = async () => beginAdding([await photo()]);
  return h("button.plain", { type: "button", onclick: () => add().catch(complain) }, icon("add"), words.answer.add);
}

/**
 * @param {Match} match
 * @param {Seen} seen
 * @param {(() => Promise<Blob>) | null} photo
 * @param {ImageBitmap | null} bitmap
 */
function about(match, seen, photo, bitmap) {
  const { entry, view, side } = match;
  const addView = async (/** @type {Blob} */ own) => {
    const added = await ask(`entries/${encodeURIComponent(entry.id)}/views`, { method: "POST", body: formOf([own], { side }) });
    notice([words.answer.viewAdded, ...added.doubts].join(" "));
  };
  return [
    bitmap && seen.ellipse && comparer(bitmap, seen.ellipse, pictureOf(entry.id, view), match.angle ?? 0),
    h("h2", {}, h("a", { href: `#/entry/${encodeURIComponent(entry.id)}` }, entry.name)),
    h("p.facts", {}, factsOf(entry)),
    measures(match),
    h(
      "div.actions",
      {},
      h("a.button.plain", { href: `#/entry/${encodeURIComponent(entry.id)}` }, words.answer.open),
      session.mayChange && seen.known && photo && h("button.plain", { type: "button", onclick: () => photo().then(addView).catch(complain) }, words.answer.addView),
    ),
  ];
}

/** @param {Match} match */
export function measures({ score, cosine, correlation }) {
  const row = (/** @type {string} */ name, /** @type {number} */ value, /** @type {string} */ said) =>
    h("div", {}, h("dt", {}, name), h("dd", {}, h("meter", { min: 0, max: 1, value: Math.max(0, value), "aria-label": name }), h("span", {}, said)));
  return h(
    "dl.measures",
    {},
    row(words.answer.sure, score, percent(score)),
    correlation !== null && row(words.answer.relief, correlation, correlation.toFixed(2)),
    row(words.answer.look, cosine, cosine.toFixed(2)),
  );
}

/**
 * @param {Seen} seen
 * @param {(match: Match) => void} choose
 */
function candidates(seen, choose) {
  if (seen.matches.length < 2) return null;
  const candidate = (/** @type {Match} */ match) =>
    h(
      "button.candidate",
      { type: "button", "data-entry": match.entry.id, "aria-pressed": "false", onclick: () => choose(match) },
      h("img", { src: pictureOf(match.entry.id, match.view), alt: "", width: 72, height: 72, loading: "lazy" }),
      h("span", {}, h("strong", {}, match.entry.name), h("span.faint", {}, percent(match.score))),
    );
  return h("ul.candidates", {}, seen.matches.map((match) => h("li", {}, candidate(match))));
}
