/** One entry: its photos, what is said of it, what happened to it, and what looks like it. */

import { ask, formOf, pictureOf, session } from "../api.js";
import { photoButton } from "../choosing.js";
import { factsOf } from "../entries.js";
import { fill, h, icon, iconButton } from "../dom.js";
import { complain, notice } from "../notice.js";
import { askOver, go, heading, showAgain } from "../router.js";
import { percent, words } from "../words/index.js";
import { eventList, undo } from "./events.js";
import { fieldsOf, sideName } from "./fields.js";
import { entryInputs, entryOf, labelled, sideSelect } from "./form.js";

/**
 * @param {string[]} path
 * @returns {Promise<import("../router.js").View>}
 */
export async function open([id = ""]) {
  const place = `entries/${encodeURIComponent(id)}`;
  const [{ entry, views }, { fields, sides }, past] = await Promise.all([
    /** @type {Promise<import("../answers").EntryWithViews>} */ (ask(place)),
    fieldsOf(),
    /** @type {Promise<import("../answers").EventPage>} */ (ask(`${place}/history`, { query: { limit: 20 } })),
  ]);
  const similar = h("ul.candidates");
  showSimilar(id, similar);
  const facts = Object.entries(entry.metadata).map(([key, value]) => h("div", {}, h("dt", {}, key), h("dd", {}, typeof value === "string" ? value : JSON.stringify(value))));
  const element = h(
    "section.entry",
    {},
    h("header", {}, heading(entry.name), session.mayChange && entryTools()),
    h("p.facts", {}, factsOf(entry)),
    h("dl.more", {}, facts, h("div", {}, h("dt", {}, words.entry.id), h("dd", {}, h("code", {}, entry.id)))),
    h("h2", {}, words.entry.photos),
    h("ul.views", {}, views.map((view) => h("li", {}, viewFigure(view)))),
    session.mayChange && photoButton(words.entry.addPhoto, ([photo]) => photo && addView(photo), { classes: "plain" }),
    h("h2", {}, words.entry.similar),
    similar,
    h("h2", {}, words.entry.history),
    eventList(past.events, showAgain),
  );
  let closed = false;
  return { title: entry.name, element, close: () => (closed = true) };

  function entryTools() {
    return h(
      "div.tools",
      {},
      h("button.plain", { type: "button", onclick: edit }, icon("edit"), words.entry.edit),
      h("button.plain.danger", { type: "button", onclick: remove }, icon("trash"), words.entry.remove),
    );
  }

  /** @param {import("../answers").ViewState} view */
  function viewFigure(view) {
    const picture = view.picture
      ? h("img", { src: pictureOf(id, view.id), alt: sideName(view.side), width: 256, height: 256, loading: "lazy" })
      : h("div.missing", {}, words.entry.noPicture);
    const change = (/** @type {Event} */ event) =>
      act(() => ask(`views/${encodeURIComponent(view.id)}`, { method: "PATCH", body: { side: /** @type {HTMLSelectElement} */ (event.target).value } }), words.entry.saved);
    const tools = session.mayChange && [
      sideSelect(sides, view.side, { onchange: change }),
      iconButton("upload", words.entry.moveTo, () => move(view)),
      views.length > 1 && iconButton("trash", words.entry.removePhoto, () => act(() => ask(`views/${encodeURIComponent(view.id)}`, { method: "DELETE" }), words.entry.saved, showAgain)),
    ];
    const caption = h("figcaption", {}, session.mayChange ? null : sideName(view.side), view.stale && h("span.faint", {}, words.entry.stale), tools || null);
    return h("figure", {}, picture, caption);
  }

  /** @param {File} photo */
  function addView(photo) {
    const side = views.some((view) => view.side === sides[0]) ? sides[1] : sides[0];
    act(() => ask(`${place}/views`, { method: "POST", body: formOf([photo], { side }) }), words.answer.viewAdded, showAgain);
  }

  function edit() {
    const form = h("form", { method: "dialog", onsubmit: save }, h("h2", {}, words.entry.edit), entryInputs(fields, entry));
    dialog(form, words.entry.edit, words.save);

    /** @param {Event} event */
    function save(event) {
      event.preventDefault();
      act(() => ask(place, { method: "PATCH", body: changesOf(entryOf(form, fields)) }), words.entry.saved, () => {
        form.closest("dialog")?.close();
        showAgain();
      });
    }
  }

  /**
   * What differs from the entry as it is shown: what somebody else changed meanwhile stays.
   * @param {Record<string, any>} said
   */
  function changesOf(said) {
    const before = /** @type {Record<string, any>} */ (entry);
    return Object.fromEntries(Object.entries(said).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(before[key])));
  }

  /** @param {import("../answers").ViewState} view */
  function move(view) {
    const input = h("input", { name: "entry", required: true, autocomplete: "off" });
    const form = h("form", { method: "dialog", onsubmit: save }, labelled(words.entry.moveTo, input));
    dialog(form, words.entry.move, words.entry.move);

    /** @param {Event} event */
    function save(event) {
      event.preventDefault();
      const target = input.value.trim();
      act(() => ask(`views/${encodeURIComponent(view.id)}`, { method: "PATCH", body: { entry: target } }), words.entry.saved, () => go(`entry/${encodeURIComponent(target)}`));
    }
  }

  async function remove() {
    const form = h("form", { method: "dialog", onsubmit: sure }, h("p", {}, words.entry.removeSure));
    dialog(form, words.entry.remove, words.entry.remove);

    /** @param {Event} event */
    async function sure(event) {
      event.preventDefault();
      form.closest("dialog")?.close();
      try {
        await ask(place, { method: "DELETE" });
        if (!closed) go("collection");
        notice(words.entry.removed, words.entry.undo, () => undo({ entry: id }).then(() => go(`entry/${encodeURIComponent(id)}`), complain));
      } catch (error) {
        complain(error);
      }
    }
  }

  /**
   * Change something, say so, and offer to undo it.
   * @param {() => Promise<any>} change
   * @param {string} said
   * @param {() => void} [done] what follows, if the entry is still shown
   */
  async function act(change, said, done) {
    try {
      const answer = await change();
      if (!closed) done?.();
      notice([said, ...(answer?.doubts ?? [])].join(" "), words.entry.undo, () => undo({ entry: id }).then(showAgain, complain));
    } catch (error) {
      complain(error);
    }
  }
}

/**
 * @param {HTMLFormElement} form
 * @param {string} title
 * @param {string} submit
 */
function dialog(form, title, submit) {
  const cancel = () => form.closest("dialog")?.close();
  form.append(
    h(
      "div.actions",
      {},
      h("button.plain", { type: "button", onclick: cancel }, words.cancel),
      h("button.primary", { type: "submit" }, submit),
    ),
  );
  askOver(title, form);
}

/**
 * @param {string} id
 * @param {Element} list
 */
async function showSimilar(id, list) {
  try {
    /** @type {import("../answers").Similar[]} */
    const found = await ask(`similar/${encodeURIComponent(id)}`, { query: { k: 6 } });
    fill(list, found.length ? found.map(similarTile) : h("li.faint", {}, words.entry.nothingSimilar));
  } catch (error) {
    complain(error);
  }
}

/** @param {import("../answers").Similar} similar */
function similarTile({ entry, view, score }) {
  return h(
    "li",
    {},
    h(
      "a.candidate",
      { href: `#/entry/${encodeURIComponent(entry.id)}` },
      h("img", { src: pictureOf(entry.id, view), alt: "", width: 72, height: 72, loading: "lazy" }),
      h("span", {}, h("strong", {}, entry.name), h("span.faint", {}, percent(score))),
    ),
  );
}
