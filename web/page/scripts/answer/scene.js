/** The answer about all coins of a photo: their outlines on it, and each coin when it is chosen. */

import { factsOf } from "../entries.js";
import { fill, h } from "../dom.js";
import { around } from "../photos.js";
import { words } from "../words/index.js";
import { coinAnswer } from "./coin.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {ImageBitmap | null} bitmap
 * @param {import("../answers").Answer} answer
 */
export function sceneAnswer(bitmap, answer) {
  const coins = answer.coins ?? [];
  if (!coins.length) return h("div.result", {}, h("h2", {}, words.answer.noCoin), h("p", {}, words.answer.noCoinHelp));
  const known = coins.filter((coin) => coin.known).length;
  const sum = Object.entries(answer.sums ?? {}).map(([currency, total]) => `${total} ${currency}`);
  const place = h("div.chosen", { "aria-live": "polite" });
  const list = h(
    "ol.coins",
    {},
    coins.map((coin, at) =>
      h(
        "li",
        {},
        h(
          "button.plain",
          { type: "button", "aria-pressed": "false", onclick: () => choose(at) },
          `${at + 1} `,
          coin.known && coin.matches[0] ? `${coin.matches[0].entry.name}, ${factsOf(coin.matches[0].entry)}` : words.answer.unknown,
        ),
      ),
    ),
  );
  const drawing = bitmap && outlined(bitmap, coins, choose);
  return h(
    "div.result.scene",
    {},
    h("h2", {}, words.answer.coins(coins.length)),
    h("p.sum", {}, h("strong", {}, sum.join(" · ") || "–"), h("span.faint", {}, `${words.camera.sum} · ${words.camera.known(known, coins.length)}`)),
    drawing,
    list,
    place,
  );

  /** @param {number} at */
  function choose(at) {
    const coin = coins[at];
    // Of the whole photo, the largest coin would be added.
    const own = coin && bitmap && (() => around(bitmap, coin.ellipse, coin.ellipse.a));
    if (coin) fill(place, h("h2", {}, `${at + 1}`), coinAnswer(own ?? null, bitmap, coin));
    list.querySelectorAll("button").forEach((button, number) => button.setAttribute("aria-pressed", String(number === at)));
    place.scrollIntoView({ block: "nearest" });
  }
}

/**
 * The photo with outlines that can be clicked; the list beside it serves the keyboard.
 * @param {ImageBitmap} bitmap
 * @param {import("../answers").FoundCoin[]} coins
 * @param {(at: number) => void} choose
 */
function outlined(bitmap, coins, choose) {
  const canvas = h("canvas", { width: bitmap.width, height: bitmap.height, role: "img", "aria-label": words.answer.coins(coins.length) });
  canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${bitmap.width} ${bitmap.height}`);
  svg.setAttribute("aria-hidden", "true");
  coins.forEach(({ ellipse, known }, at) => {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("transform", `translate(${ellipse.cx + 0.5} ${ellipse.cy + 0.5})`);
    group.classList.add(known ? "known" : "unknown");
    group.addEventListener("click", () => choose(at));
    const outline = document.createElementNS(SVG, "ellipse");
    outline.setAttribute("rx", String(ellipse.a));
    outline.setAttribute("ry", String(ellipse.b));
    outline.setAttribute("transform", `rotate(${ellipse.angle})`);
    const label = document.createElementNS(SVG, "text");
    label.textContent = String(at + 1);
    label.setAttribute("font-size", String(0.7 * ellipse.b));
    group.append(outline, label);
    svg.append(group);
  });
  return h("div.outlined", {}, canvas, svg);
}
