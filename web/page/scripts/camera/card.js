/** The card under the picture: the coin's name and probability, or what to do. */

import { fill, h, icon } from "../dom.js";
import { factsOf } from "../entries.js";
import { percent, words } from "../words/index.js";

/**
 * @typedef {object} Acts
 * @property {() => void} open shows why
 * @property {() => void} add adds the coin to the catalog
 */

export class Card {
  element = h("div.card");
  #said = h("p.unseen", { role: "status" });
  #shown = "";

  /**
   * @param {Acts} acts
   * @param {boolean} mayAdd
   */
  constructor(acts, mayAdd) {
    this.acts = acts;
    this.mayAdd = mayAdd;
    this.whole = h("div.answer-card", {}, this.#said, this.element);
  }

  /**
   * @param {string} text what to do
   * @param {string} [label] of a button
   * @param {() => void} [act] what it does
   */
  hint(text, label, act) {
    const button = label && h("button.plain", { type: "button", onclick: act }, label);
    this.#show(`hint ${text}`, text, () => [h("p.hint", {}, text), button && h("div.actions", {}, button)]);
  }

  /** @param {import("./tracks.js").Track} track */
  coin(track) {
    if (track.locked) {
      const { entry, view } = track.locked; // frames may differ about the view: the picture stays
      const facts = factsOf(entry);
      this.#show(`known ${entry.id}`, `${entry.name}, ${facts}`, () => [
        h(
          "button.found",
          { type: "button", onclick: this.acts.open },
          h("img", { src: `/api/pictures/${encodeURIComponent(entry.id)}/${encodeURIComponent(view)}`, alt: "", width: 56, height: 56 }),
          h("span.what", {}, h("strong", {}, entry.name), h("span.faint", {}, facts)),
          h("span.sure", {}),
        ),
      ]);
      fill(/** @type {Element} */ (this.element.querySelector(".sure")), percent(track.score));
    } else if (track.unknown) {
      this.#show("unknown", words.camera.unknown, () => [
        h("p.hint", {}, words.camera.unknown),
        h(
          "div.actions",
          {},
          h("button.plain", { type: "button", onclick: this.acts.open }, words.camera.open),
          this.mayAdd && h("button.primary", { type: "button", onclick: this.acts.add }, icon("add"), words.camera.add),
        ),
      ]);
    } else this.hint(words.camera.looking);
  }

  /**
   * All coins: how many are known, and their sum by currency.
   * @param {import("./tracks.js").Track[]} tracks
   * @param {Record<string, string>} sums
   */
  coins(tracks, sums) {
    const known = words.camera.known(tracks.filter((track) => track.locked).length, tracks.length);
    const sum = Object.entries(sums).map(([currency, total]) => `${total} ${currency}`);
    this.#show(`all ${known} ${sum}`, known, () => [
      h("p.sum", {}, h("strong", {}, sum.join(" · ") || "–"), h("span.faint", {}, words.camera.sum)),
      h("p.faint", {}, known, " · ", words.camera.tap),
    ]);
  }

  /**
   * @param {string} what is shown; the same again changes nothing, so that nothing flickers and nothing is read out twice
   * @param {string} said to those who do not see
   * @param {() => import("../dom.js").Child[]} children
   */
  #show(what, said, children) {
    if (what === this.#shown) return;
    this.#shown = what;
    fill(this.element, children());
    fill(this.#said, said);
  }
}
