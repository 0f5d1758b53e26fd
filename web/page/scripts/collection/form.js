/** Forms about a coin, made from the fields that there are. */

import { h } from "../dom.js";
import { words } from "../words/index.js";
import { nameOf, sideName } from "./fields.js";

/** @type {import("../answers").Kind} */
const NUMBER = "whole number";

/**
 * Labelled inputs for the fields of an entry.
 * @param {import("../answers").FieldState[]} fields
 * @param {Partial<import("../answers").Entry>} entry what they say at first
 */
export function entryInputs(fields, entry = {}) {
  const values = /** @type {Record<string, any>} */ (entry);
  return [
    ...fields.map(({ name, kind, required, doc, most }) => {
      const limits = kind === NUMBER ? { type: "number", min: -most, max: most } : { maxLength: most };
      const shown = { name, required, value: values[name] ?? "", title: doc, autocomplete: "off" };
      return labelled(nameOf(name), h("input", { ...limits, ...shown }));
    }),
    labelled(
      words.entry.metadata,
      h("textarea", { name: "metadata", rows: 2, value: Object.keys(entry.metadata ?? {}).length ? JSON.stringify(entry.metadata, null, 1) : "" }),
    ),
  ];
}

/**
 * What a form says of an entry. Throws an error for people if its metadata is no JSON object.
 * @param {HTMLFormElement} form
 * @param {import("../answers").FieldState[]} fields
 */
export function entryOf(form, fields) {
  const given = new FormData(form);
  /** @type {Record<string, any>} */
  const entry = {};
  for (const { name, kind } of fields) {
    const text = String(given.get(name) ?? "").trim();
    entry[name] = text === "" ? null : kind === NUMBER ? Number(text) : text;
  }
  entry.metadata = jsonOf(String(given.get("metadata") ?? ""));
  return entry;
}

/** @param {string} text */
function jsonOf(text) {
  if (!text.trim()) return {};
  try {
    const value = JSON.parse(text);
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value;
  } catch {
    // said below
  }
  throw new Error(`${words.entry.metadata}?`);
}

/**
 * @param {string} label
 * @param {Element} input
 */
export function labelled(label, input) {
  return h("label.field", {}, h("span", {}, label), input);
}

/**
 * A choice among the sides.
 * @param {string[]} sides
 * @param {string} chosen
 * @param {Record<string, any>} properties
 */
export function sideSelect(sides, chosen, properties = {}) {
  const options = sides.map((side) => h("option", { value: side, selected: side === chosen }, sideName(side)));
  return h("select", { name: "side", "aria-label": words.entry.sideOf, ...properties }, options);
}
