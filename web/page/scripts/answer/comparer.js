/** A coin beside the catalog's picture, the same way up: to slide between, side by side, or with what agrees. */

import { h } from "../dom.js";
import { words } from "../words/index.js";
import { agreement } from "./agreement.js";
import { rectified } from "./rectify.js";

/** @typedef {"over" | "beside" | "agrees"} Way */
/** @type {Way[]} */
const WAYS = ["over", "beside", "agrees"];
const SHARP = 512; // px, side of the coin's picture

/** @type {Way} stays while the page is open */
let way = "over";
let names = 0; // of groups of radio buttons

/**
 * Compare a photo's coin with a picture of the catalog.
 * @param {ImageBitmap} photo
 * @param {import("../answers").Ellipse} ellipse
 * @param {string} picture address of the catalog's picture
 * @param {number} angle degrees by which the picture is turned clockwise to lie as in the photo
 */
export function comparer(photo, ellipse, picture, angle) {
  const own = rectified(photo, ellipse, -angle, SHARP);
  own.setAttribute("role", "img");
  own.setAttribute("aria-label", words.answer.yours);
  const theirs = h("img", { src: picture, alt: words.answer.catalog });
  const slide = () => stage.style.setProperty("--cut", `${range.value}%`);
  const range = h("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": words.answer.slide, oninput: slide });
  const lines = h("div.lines");
  const stage = h(
    "div.stage",
    {},
    h("figure.theirs", {}, theirs, h("figcaption", {}, words.answer.catalog)),
    h("figure.own", {}, own, lines, h("figcaption", {}, words.answer.yours)),
    range,
  );
  const help = h("p.faint");
  const element = h("div.comparer", {}, chooseWay(show), stage, help);
  show();
  return element;

  function show() {
    element.dataset.way = way;
    help.textContent = way === "agrees" ? words.answer.agreesHelp : angle ? words.answer.turned : "";
    if (way === "agrees" && !lines.hasChildNodes()) theirs.decode().then(drawLines, () => {});
  }

  function drawLines() {
    if (lines.hasChildNodes()) return;
    const drawn = agreement(rectified(photo, ellipse, -angle), theirs);
    drawn.setAttribute("role", "img");
    drawn.setAttribute("aria-label", words.answer.agrees);
    lines.append(drawn);
  }
}

/** @param {() => void} changed */
function chooseWay(changed) {
  const name = `way${(names += 1)}`;
  const choose = (/** @type {Event} */ event) => {
    way = /** @type {Way} */ (/** @type {HTMLInputElement} */ (event.target).value);
    changed();
  };
  return h(
    "fieldset.modes",
    {},
    h("legend.unseen", {}, words.answer.title),
    WAYS.map((one) =>
      h("label", {}, h("input", { type: "radio", name, value: one, checked: one === way, onchange: choose }), h("span", {}, words.answer[one])),
    ),
  );
}
