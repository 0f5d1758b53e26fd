/** A new coin: its photos, and what is said of it. */

import { ask, formOf } from "../api.js";
import { photoButton, takeDropped } from "../camera/chooser.js";
import { fill, h, iconButton } from "../dom.js";
import { complain, notice } from "../notice.js";
import { go, heading } from "../router.js";
import { words } from "../words/index.js";
import { takeWaiting } from "./adding.js";
import { fieldsOf } from "./fields.js";
import { entryInputs, entryOf, labelled, sideSelect } from "./form.js";

const MOST = 2; // photos of a new coin

/** @returns {Promise<import("../router.js").View>} */
export async function open() {
  const { entry: fields, sides } = await fieldsOf();
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
    entryInputs(fields),
    said,
    h("div.actions", {}, submit),
  );
  const element = h("section.add", {}, heading(words.add.title), form);
  const undrop = takeDropped(element, take);
  show();
  return { title: words.add.title, element, close };

  /** @param {Blob[]} more */
  function take(more) {
    photos = [...photos, ...more].slice(0, MOST);
    show();
  }

  function show() {
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
      const said = entryOf(form, fields);
      const fieldsAndSide = { ...said, side: new FormData(form).get("side") };
      /** @type {import("../answers").Enrolled} */
      const enrolled = await ask("entries", { method: "POST", body: formOf(photos, fieldsAndSide) });
      notice(words.add.added);
      if (enrolled.doubts.length) notice([words.add.doubts, ...enrolled.doubts].join(" "));
      if (enrolled.refused) notice(`${words.add.refused} ${enrolled.refused}`);
      go(`entry/${encodeURIComponent(enrolled.entry.id)}`);
    } catch (error) {
      complain(error);
      fill(said, error instanceof Error ? error.message : String(error));
      submit.disabled = false;
    }
  }

  function close() {
    undrop();
    addresses.forEach(URL.revokeObjectURL);
  }
}
