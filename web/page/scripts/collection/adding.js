/** Photos that wait to be added, while the page goes from one view to the next. */

import { go } from "../router.js";

/** @type {Blob[]} */
let waiting = [];

/**
 * Go where a coin is added.
 * @param {Blob[]} photos of it
 */
export function beginAdding(photos) {
  waiting = photos;
  go("add");
}

/** The photos that wait, which do so no longer. */
export function takeWaiting() {
  const photos = waiting;
  waiting = [];
  return photos;
}
