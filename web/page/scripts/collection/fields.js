/** What can be said of a coin: asked for once. */

import { ask } from "../api.js";
import { words } from "../words/index.js";

/** @type {Promise<import("../answers").Fields> | undefined} */
let asked;

/** The fields of entries and photos. */
export function fieldsOf() {
  asked ??= ask("fields").catch((error) => {
    asked = undefined;
    throw error;
  });
  return /** @type {Promise<import("../answers").Fields>} */ (asked);
}

/**
 * A field's name for people.
 * @param {string} name
 */
export const nameOf = (name) => /** @type {Record<string, string>} */ (words.fields)[name] ?? name;

/**
 * A side's name for people.
 * @param {string} side
 */
export const sideName = (side) => /** @type {Record<string, string>} */ (words.sides)[side] ?? side;
