/** The answer that is shown: asked for by the camera or a chosen photo, looked at in its own view. */

import { ask, formOf } from "../api.js";
import { ENOUGH, ENOUGH_OF_MANY, reduced } from "../photos.js";
import { go } from "../router.js";

/**
 * @typedef {object} Current
 * @property {Blob[]} photos one, or both sides
 * @property {import("../answers").Answer} answer
 */

/** @type {Current | null} */
let current = null;

/** The answer that was asked for last; null after the page began. */
export const currentAnswer = () => current;

/**
 * Ask which coin photos show, and go to the answer.
 * @param {Blob[]} photos one, or both sides of a coin
 * @param {boolean} all whether all coins of the photo are asked for
 * @param {AbortSignal} signal that its user has gone elsewhere
 * @throws {import("../api.js").Problem}
 */
export async function recognize(photos, all, signal) {
  const sent = await Promise.all(photos.map((photo) => reduced(photo, all ? ENOUGH_OF_MANY : ENOUGH)));
  const body = sent.length > 1 ? formOf(sent) : sent[0];
  const answer = await ask("recognize", { method: "POST", body, query: { all: all || null }, signal });
  signal.throwIfAborted();
  current = { photos: sent, answer };
  go("answer");
}
