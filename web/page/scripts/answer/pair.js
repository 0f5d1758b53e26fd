/** The answer about both sides of one coin. */

import { pictureOf } from "../api.js";
import { factsOf } from "../entries.js";
import { h } from "../dom.js";
import { percent, words } from "../words/index.js";
import { coinAnswer, measures } from "./coin.js";
import { comparer } from "./comparer.js";

/**
 * @param {Blob[]} photos
 * @param {(ImageBitmap | null)[]} bitmaps
 * @param {import("../answers").PairRecognition} pair
 */
export function pairAnswer(photos, bitmaps, pair) {
  const best = pair.matches[0];
  if (!best || !pair.known) {
    const each = pair.answers.map((answer, side) => [
      h("h2", {}, side ? words.answer.behind : words.answer.front),
      coinAnswer(async () => /** @type {Blob} */ (photos[side]), bitmaps[side] ?? null, answer),
    ]);
    return h("div.result", {}, each.flat());
  }
  return h(
    "div.result",
    {},
    h("h2", {}, h("a", { href: `#/entry/${encodeURIComponent(best.entry.id)}` }, best.entry.name)),
    h("p.facts", {}, factsOf(best.entry), " · ", percent(best.score)),
    h("div.sides", {}, pair.answers.map((answer, side) => sideOf(answer, best.matches[side] ?? null, bitmaps[side] ?? null, side))),
    pair.matches.length > 1 && h("h3", {}, words.answer.others),
    h(
      "ul.candidates",
      {},
      pair.matches.slice(1).map(({ entry, score }) =>
        h(
          "li",
          {},
          h(
            "a.candidate",
            { href: `#/entry/${encodeURIComponent(entry.id)}` },
            h("img", { src: pictureOf(entry.id), alt: "", width: 72, height: 72, loading: "lazy" }),
            h("span", {}, h("strong", {}, entry.name), h("span.faint", {}, percent(score))),
          ),
        ),
      ),
    ),
    pair.notes.map((note) => h("p.faint", {}, note)),
  );
}

/**
 * @param {import("../answers").Recognition} answer
 * @param {import("../answers").Match | null} match
 * @param {ImageBitmap | null} bitmap
 * @param {number} side
 */
function sideOf(answer, match, bitmap, side) {
  return h(
    "section",
    {},
    h("h3", {}, side ? words.answer.behind : words.answer.front),
    match && bitmap && answer.ellipse && comparer(bitmap, answer.ellipse, pictureOf(match.entry.id, match.view), match.angle ?? 0),
    match ? measures(match) : h("p", {}, answer.found ? words.answer.notSeen : words.answer.noCoin),
  );
}
