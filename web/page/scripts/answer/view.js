/** The answer about a photo. */

import { h, icon } from "../dom.js";
import { bitmapOf } from "../photos.js";
import { heading } from "../router.js";
import { words } from "../words/index.js";
import { coinAnswer } from "./coin.js";
import { currentAnswer } from "./current.js";
import { pairAnswer } from "./pair.js";
import { sceneAnswer } from "./scene.js";

/** @returns {Promise<import("../router.js").View>} */
export async function open() {
  const current = currentAnswer();
  if (!current) {
    history.replaceState(null, "", "#/camera"); // the page began anew, and the photo is gone
    return (await import("../camera/view.js")).open();
  }
  const { photos, answer } = current;
  const bitmaps = await Promise.all(photos.map(bitmapOf));
  const photo = /** @type {Blob} */ (photos[0]);
  const about = answer.pair
    ? pairAnswer(photos, bitmaps, answer.pair)
    : answer.coin
      ? coinAnswer(async () => photo, bitmaps[0] ?? null, answer.coin)
      : sceneAnswer(bitmaps[0] ?? null, answer);
  const another = h("a.button.plain", { href: "#/camera" }, icon("camera"), words.answer.another);
  const element = h("section.answer", {}, h("header", {}, heading(words.answer.title), another), about);
  return { title: words.answer.title, element, close: () => bitmaps.forEach((bitmap) => bitmap?.close()) };
}
