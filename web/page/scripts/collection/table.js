/** Rows of a table, their photos among the files that were chosen, and their way into the catalog. */

import { ask, formOf, Problem } from "../api.js";
import { words } from "../words/index.js";

/** @typedef {import("../answers").TableRow} TableRow */
/** @typedef {"added" | "known" | "failed" | "waiting"} Outcome */
/** @typedef {{row: TableRow, outcome: Outcome, said: string}} Result */

const AT_ONCE = 2; // rows under way
const TRIES = 5; // of a row, while there is too much to do
const PAUSE = 2000; // ms between them
const PASSING = [0, 429, 503, 504]; // status of problems that go by

/** Files by their names, as tables name them: with folders or without, with the ending or any. */
export class Files {
  /** @type {Map<string, File | null>} null where several files have the name */
  #named = new Map();
  /** @type {Map<string, File | null>} files that were chosen without their folder, which the table may name all the same */
  #single = new Map();

  /** @param {File[]} files */
  add(files) {
    for (const file of files) {
      const path = (file.webkitRelativePath || file.name).toLowerCase().split("/");
      for (let from = 0; from < path.length; from += 1) {
        const name = path.slice(from).join("/");
        for (const one of [name, name.replace(/\.[^./]*$/, ".*")]) {
          note(this.#named, one, file);
          if (!file.webkitRelativePath) note(this.#single, one, file);
        }
      }
    }
  }

  /**
   * The file of a name; null if there are several, undefined if there is none.
   * @param {string} name as the table has it
   */
  get(name) {
    const asked = name.toLowerCase().replaceAll("\\", "/").replace(/^(\.?\/)+/, "");
    return this.#named.has(asked) ? this.#named.get(asked) : this.#single.get(asked.split("/").pop() ?? "");
  }
}

/**
 * @param {Map<string, File | null>} files
 * @param {string} name
 * @param {File} file which may be chosen again
 */
function note(files, name, file) {
  const which = (/** @type {File} */ one) => [one.webkitRelativePath || one.name, one.size, one.lastModified].join("/");
  const there = files.get(name);
  files.set(name, there === undefined || (there && which(there) === which(file)) ? file : null);
}

/**
 * The photos of a row by their sides; a text says why there are none.
 * @param {TableRow} row
 * @param {Files} files
 */
export function photosOf(row, files) {
  if (row.problem) return row.problem;
  const named = Object.entries(row.photos);
  const found = named.flatMap(([side, name]) => {
    const photo = files.get(name);
    return photo ? [{ side, photo }] : [];
  });
  const several = named.filter(([, name]) => files.get(name) === null).map(([, name]) => name);
  if (several.length) return `${words.import.several}: ${several.join(", ")}`;
  const missing = named.filter(([, name]) => !name.endsWith(".*") && !files.get(name)).map(([, name]) => name);
  if (missing.length || !found.length) return `${words.import.missing}: ${(missing.length ? missing : named.map(([, name]) => name)).join(", ")}`;
  return found;
}

/**
 * Send rows. Each is sent once or more often, and is in the catalog once.
 * @param {TableRow[]} rows
 * @param {Files} files
 * @param {(result: Result) => void} done
 * @param {AbortSignal} signal
 */
export async function sendRows(rows, files, done, signal) {
  const left = [...rows];
  const work = async () => {
    for (let row = left.shift(); row && !signal.aborted; row = left.shift()) done(await sendRow(row, files, signal));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

/**
 * @param {TableRow} row
 * @param {Files} files
 * @param {AbortSignal} signal
 * @returns {Promise<Result>}
 */
async function sendRow(row, files, signal) {
  const photos = photosOf(row, files);
  if (typeof photos === "string") return { row, outcome: "failed", said: photos };
  const body = formOf(photos.map(({ photo }) => photo), { ...row.fields, side: photos[0]?.side });
  for (let tried = 1; ; tried += 1) {
    try {
      /** @type {import("../answers").Enrolled} */
      const { outcome, doubts, refused } = await ask("entries", { method: "POST", body, query: { once: true }, signal });
      if (refused) return { row, outcome: "failed", said: refused };
      return { row, outcome: outcome === "known" ? "known" : "added", said: doubts.join(" ") };
    } catch (error) {
      if (!(error instanceof Problem)) return { row, outcome: "waiting", said: "" }; // it was stopped
      if (tried === TRIES || !PASSING.includes(error.status)) return { row, outcome: "failed", said: error.message };
      await new Promise((take) => setTimeout(take, PAUSE));
    }
  }
}

/**
 * What became of the rows, as a table.
 * @param {Result[]} results
 */
export function reportOf(results) {
  const cell = (/** @type {string | number} */ value) => {
    const text = String(value);
    // A program that opens the table must not take a name for a formula.
    const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return `"${plain.replaceAll('"', '""')}"`;
  };
  const lines = results.map(({ row, outcome, said }) => [row.row, Object.values(row.photos).join(" "), outcome, said].map(cell).join(","));
  return new Blob([["row,photo,result,why", ...lines, ""].join("\r\n")], { type: "text/csv" });
}
