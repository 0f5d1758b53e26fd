/** What the page says, in the language that its user chose or that the browser asks for. */

import { de } from "./de.js";
import { en } from "./en.js";

const CHOSEN = "language";

/** The languages that there are; to add one, translate en.js. */
export const LANGUAGES = { en, de };

/** @typedef {keyof typeof LANGUAGES} Language */

/** @returns {Language} */
function wanted() {
  const asked = [localStorage.getItem(CHOSEN) ?? "", ...navigator.languages].map((one) => one.slice(0, 2));
  return /** @type {Language} */ (asked.find((one) => Object.hasOwn(LANGUAGES, one)) ?? "en");
}

export const language = wanted();
export const words = LANGUAGES[language];

/**
 * Speak another language from now on; the page begins anew.
 * @param {string} code
 */
export function speak(code) {
  localStorage.setItem(CHOSEN, code);
  location.reload();
}

/**
 * A probability, 0 to 1, for people.
 * @param {number} value
 */
export const percent = (value) =>
  // 100 % would say that no doubt is left.
  new Intl.NumberFormat(language, { style: "percent" }).format(Math.min(value, 0.99));

/**
 * A count, for people.
 * @param {number} value
 */
export const number = (value) => new Intl.NumberFormat(language).format(value);

/**
 * A time, for people.
 * @param {string} iso
 */
export const time = (iso) =>
  new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
