/** A new coin: its photos, and what is said of it. */

import { ask, formOf } from "../api.js";
import { photoButton, takeDropped } from "../choosing.js";
import { fill, h, iconButton } from "../dom.js";
import { complain, notice } from "../notice.js";
import { ENOUGH, reduced } from "../photos.js";
import { go, heading } from "../router.js";
import { words } from "../words/index.js";
import { takeWaiting } from "./adding.js";
import { fieldsOf } from "./fields.js";
import { entryInputs, entryOf, labelled, sideSelect } from "./form.js";

const MOST = 2; // photos of a new coin

/** @type {Partial<import("../answers").Entry>} what the next coin of the box probably has too */
let lastSaid = {};

/** @returns {Promise<import("../router.js").View>} */
export async function open() {
  const { fields, sides } = await fieldsOf();
  /** @type {Blob[]} */
  let photos = takeWaiting();
  /** @type {string[]} */
  let addresses = [];
  const shown = h("div.photos");
  const said = h("div.said", { role: "alert" });
  const submit = h("button.primary", { type: "submit" }, words.add.submit);
  const form = h(
    "form.card",
    { onsubmit: send },
    h("p", {}, words.add.help),
    shown,
    labelled(words.add.shows, sideSelect(sides, sides[0] ?? "")),
    entryInputs(fields, lastSaid),
    said,
    h("div.actions", {}, submit),
  );
  const element = h("section.add", {}, heading(words.add.title), form);
  const undrop = takeDropped(element, take);
  const left = new AbortController(); // when its user goes elsewhere
  let asked = false; // whether the catalog knows the coin already
  show();
  return { title: words.add.title, element, close, filled: true };

  /** @param {Blob[]} more */
  function take(more) {
    photos = [...photos, ...more].slice(0, MOST);
    show();
  }

  function show() {
    asked = false;
    fill(submit, words.add.submit);
    addresses.forEach(URL.revokeObjectURL);
    addresses = photos.map((photo) => URL.createObjectURL(photo));
    fill(
      shown,
      addresses.map((src, at) =>
        h("figure", {}, h("img", { src, alt: at ? words.add.behind : words.add.front }), iconButton("close", words.entry.removePhoto, () => drop(at))),
      ),
      photos.length < MOST && photoButton(photos.length ? words.add.behind : words.add.front, take, { multiple: true, classes: photos.length ? "plain" : "primary" }),
    );
    submit.disabled = photos.length === 0;
  }

  /** @param {number} at */
  function drop(at) {
    photos = photos.filter((_, place) => place !== at);
    show();
  }

  /** @param {Event} event */
  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    try {
      if (!(await isNew())) {
        submit.disabled = false;
        return;
      }
      if (left.signal.aborted) return;
      const entry = entryOf(form, fields);
      /** @type {import("../answers").Enrolled} */
      const enrolled = await ask("entries", { method: "POST", body: formOf(photos, { ...entry, side: new FormData(form).get("side") }) });
      lastSaid = { country: entry.country, currency: entry.currency };
      notice(words.add.added);
      if (enrolled.doubts.length) notice([words.add.doubts, ...enrolled.doubts].join(" "));
      if (enrolled.refused) notice(`${words.add.refused} ${enrolled.refused}`);
      if (!left.signal.aborted) go(`entry/${encodeURIComponent(enrolled.entry.id)}`);
    } catch (error) {
      complain(error);
      fill(said, error instanceof Error ? error.message : String(error));
      submit.disabled = false;
    }
  }

  /** Whether no entry looks like the coin; the second time, its user has seen that one does. */
  async function isNew() {
    if (asked) return true;
    const photo = await reduced(/** @type {Blob} */ (photos[0]), ENOUGH);
    /** @type {import("../answers").Answer} */
    const { coin } = await ask("recognize", { method: "POST", body: photo, query: { k: 1 }, signal: left.signal });
    asked = true;
    const twin = coin?.known ? coin.matches[0]?.entry : null;
    if (!twin) return true;
    fill(said, h("p", {}, words.add.twice, " ", h("a", { href: `#/entry/${encodeURIComponent(twin.id)}` }, twin.name)));
    fill(submit, words.add.anyway);
    return false;
  }

  function close() {
    left.abort();
    undrop();
    addresses.forEach(URL.revokeObjectURL);
  }
}
