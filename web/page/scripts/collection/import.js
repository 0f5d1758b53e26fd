/** A table of coins and their photos, added row by row, with a report. */

import { ask } from "../api.js";
import { fill, h, icon } from "../dom.js";
import { complain } from "../notice.js";
import { heading } from "../router.js";
import { words } from "../words/index.js";
import { labelled } from "./form.js";
import { Files, photosOf, reportOf, sendRows } from "./table.js";

/** @typedef {import("./table.js").Result} Result */

/** @returns {import("../router.js").View} */
export function open() {
  const files = new Files();
  /** @type {import("../answers").TableRows} */
  let table = { rows: [], notes: [] };
  /** @type {Map<number, Result>} by the rows' places in the table */
  let results = new Map();
  let stop = new AbortController();
  stop.abort(); // nothing is under way

  const notes = h("div", { role: "status" });
  const progress = h("progress", { hidden: true, "aria-label": words.import.title });
  const sum = h("p", { role: "status" });
  const start = h("button.primary", { type: "button", disabled: true, onclick: () => send().catch(complain) }, words.import.start(0));
  const halt = h("button.plain", { type: "button", hidden: true, onclick: () => stop.abort() }, words.import.stop);
  const report = h("button.plain", { type: "button", hidden: true, onclick: save }, words.import.report);
  const body = h("tbody");
  const rows = h(
    "table.rows",
    { hidden: true },
    h("thead", {}, h("tr", {}, [words.import.row, words.fields.name, words.import.photo, words.import.result].map((text) => h("th", { scope: "col" }, text)))),
    body,
  );
  const element = h(
    "section.import",
    {},
    heading(words.import.title),
    h("p", {}, words.import.help, " ", h("a", { href: "/api/tables/example.csv", download: "example.csv" }, words.import.example)),
    labelled(words.import.table, h("input", { type: "file", accept: ".csv,.xlsx,.xls,.ods,.tsv", onchange: read })),
    labelled(words.import.photos, h("input", { type: "file", accept: "image/*,.heic,.heif,.avif", multiple: true, onchange: take })),
    labelled(words.import.folder, h("input", { type: "file", webkitdirectory: true, onchange: take })),
    notes,
    h("div.actions", {}, start, halt, report),
    progress,
    sum,
    h("div.wide", { tabIndex: 0, role: "region", "aria-label": words.import.title }, rows),
  );
  return { title: words.import.title, element, close: () => stop.abort(), filled: true };

  /** @param {globalThis.Event} event */
  async function read(event) {
    const [file] = /** @type {HTMLInputElement} */ (event.target).files ?? [];
    if (!file) return;
    try {
      table = await ask("tables", { method: "POST", body: new Blob([file], { type: "application/octet-stream" }) });
    } catch (error) {
      table = { rows: [], notes: [error instanceof Error ? error.message : String(error)] };
    }
    results = new Map();
    fill(notes, table.notes.map((note) => h("p", {}, note)));
    show();
  }

  /** @param {globalThis.Event} event */
  function take(event) {
    files.add([...(/** @type {HTMLInputElement} */ (event.target).files ?? [])]);
    show();
  }

  /** Rows that can be sent, and are not in the catalog yet as far as is known. */
  function sendable() {
    return table.rows.filter((row, at) => {
      const outcome = results.get(at)?.outcome;
      return outcome !== "added" && outcome !== "known" && typeof photosOf(row, files) !== "string";
    });
  }

  async function send() {
    const toSend = sendable();
    const places = new Map(table.rows.map((row, at) => [row, at]));
    stop = new AbortController();
    progress.max = toSend.length;
    progress.value = 0;
    show();
    await sendRows(toSend, files, (result) => {
      const at = places.get(result.row) ?? 0;
      results.set(at, result);
      progress.value += 1;
      body.children[at]?.replaceWith(line(result.row, at));
      tell();
    }, stop.signal);
    stop.abort();
    show();
  }

  function show() {
    const working = !stop.signal.aborted;
    const count = sendable().length;
    fill(start, words.import.start(count));
    start.disabled = working || count === 0;
    progress.hidden = halt.hidden = !working;
    sum.ariaBusy = String(working); // else every row is read out
    rows.hidden = table.rows.length === 0;
    fill(body, table.rows.map(line));
    tell();
  }

  function tell() {
    const all = [...results.values()];
    const counted = (/** @type {string} */ outcome) => all.filter((one) => one.outcome === outcome).length;
    fill(sum, all.length ? words.import.done(counted("added"), counted("known"), counted("failed")) : "");
    report.hidden = all.length === 0;
  }

  /**
   * @param {import("../answers").TableRow} row
   * @param {number} at
   */
  function line(row, at) {
    const photos = photosOf(row, files);
    const result = results.get(at);
    const why = typeof photos === "string" ? photos : "";
    const said = result && result.outcome !== "waiting" ? [result.outcome === "failed" ? "" : words.import[result.outcome], result.said].filter(Boolean).join(": ") : why;
    const bad = result ? result.outcome === "failed" : Boolean(why);
    return h(
      "tr",
      {},
      h("td", {}, row.row),
      h("td", {}, row.fields.name ?? row.fields.entry ?? ""),
      h("td", {}, Object.values(row.photos).join(", ")),
      h(bad ? "td.bad" : "td", {}, bad && icon("close"), said),
    );
  }

  function save() {
    const link = h("a", { href: URL.createObjectURL(reportOf([...results.values()])), download: "mintmark-report.csv" });
    link.click();
    URL.revokeObjectURL(link.href);
  }
}
