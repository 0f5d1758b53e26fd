/** The camera: what it sees is recognized while it moves. */

import { recognize } from "../answer/current.js";
import { askSession, session } from "../api.js";
import { beginAdding } from "../collection/adding.js";
import { photoButton, takeDropped } from "../choosing.js";
import { fill, h, icon, iconButton } from "../dom.js";
import { complain } from "../notice.js";
import { go, heading } from "../router.js";
import { words } from "../words/index.js";
import { Card } from "./card.js";
import { chooser } from "./chooser.js";
import { Live } from "./live.js";
import { Camera, NoCamera } from "./stream.js";

/** @typedef {"one" | "all" | "sides"} Mode */
/** @type {Mode[]} */
const MODES = ["one", "all", "sides"];

/** @type {Mode} stays while the page is open */
let mode = "one";

/** @returns {import("../router.js").View} */
export function open() {
  const view = new CameraView();
  return { title: words.camera.title, element: view.element, close: () => view.close() };
}

class CameraView {
  /** @type {Camera | null} */
  #camera = null;
  /** @type {Live | null} */
  #live = null;
  /** @type {Blob[]} of both sides, so far */
  #sides = [];
  #left = new AbortController(); // when its user goes elsewhere
  #busy = false;

  constructor() {
    this.video = h("video", { playsInline: true, muted: true, autoplay: true });
    this.canvas = h("canvas", { onclick: (/** @type {MouseEvent} */ event) => this.#tapped(event), "aria-hidden": "true" });
    this.card = new Card({ open: () => this.#open(), add: () => this.#add() }, session.mayChange);
    this.offline = h("p.offline", { role: "status", hidden: true }, words.offline.server);
    this.tools = h("div.tools");
    this.stage = h("div.stage", {}, this.video, this.canvas, this.offline, this.tools);
    this.shutter = h(
      "button.shutter",
      { type: "button", "aria-label": words.camera.shutter, title: words.camera.shutter, onclick: () => this.#shoot() },
    );
    this.controls = h(
      "div.controls",
      {},
      photoButton(words.camera.choose, (photos) => this.#chosen(photos), { multiple: true, classes: "quiet" }),
      this.shutter,
      h("span"),
    );
    this.element = h(
      "section.camera",
      {},
      heading(words.camera.title),
      this.#modes(),
      this.stage,
      this.card.whole,
      this.controls,
    );
    this.undrop = takeDropped(this.element, (photos) => this.#chosen(photos));
    this.#begin();
  }

  close() {
    this.#left.abort();
    this.undrop();
    this.#live?.close();
    this.#camera?.close();
  }

  async #begin() {
    this.#guide();
    try {
      this.#camera = await Camera.open();
    } catch (error) {
      if (error instanceof NoCamera) this.#without(error.why);
      else complain(error);
      return;
    }
    if (this.#left.signal.aborted) {
      this.#camera.close();
      return;
    }
    this.#camera.track.onended = () => this.#taken();
    this.video.srcObject = this.#camera.stream;
    this.element.classList.add("on");
    this.#equip(this.#camera);
    this.#look();
  }

  /** The camera was unplugged, or its permission is gone. */
  #taken() {
    this.#live?.close();
    this.#live = this.#camera = null;
    this.element.classList.remove("on");
    this.#without("none");
  }

  /** @param {import("./stream.js").Refusal} why */
  #without(why) {
    const again = why === "insecure" ? undefined : () => go(`camera?${Date.now()}`);
    this.element.classList.add("without");
    this.#guide();
    fill(this.stage, chooser(words.camera[why], (photos) => this.#chosen(photos), again));
  }

  /** @param {Camera} camera */
  #equip({ abilities }) {
    const camera = /** @type {Camera} */ (this.#camera);
    if (abilities.torch) {
      const torch = iconButton("torch", words.camera.torch, () => {
        const on = torch.getAttribute("aria-pressed") !== "true";
        camera.light(on).then(() => torch.setAttribute("aria-pressed", String(on)), complain);
      }, { "aria-pressed": "false" });
      this.tools.append(torch);
    }
    if (abilities.zoom && abilities.zoom.max > abilities.zoom.min) {
      const { min, max, step } = abilities.zoom;
      const slide = () => camera.zoom(Number(zoom.value)).catch(complain);
      const zoom = h("input", { type: "range", "aria-label": words.camera.zoom, min, max, step: step || 0.1, value: min, oninput: slide });
      this.tools.append(zoom);
    }
  }

  /** Look anew, as the mode wants. */
  #look() {
    this.#live?.close();
    this.canvas.getContext("2d")?.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.#live = new Live(this.video, this.canvas, {
      all: mode === "all",
      changed: () => this.#guide(),
      connected: (connected) => {
        this.offline.hidden = connected;
        if (!connected) askSession().catch(() => {}); // it may have ended
      },
    });
  }

  /** Say what is seen, or what to do. */
  #guide() {
    const live = this.#live;
    this.card.whole.hidden = mode !== "sides" && this.element.classList.contains("without");
    if (mode === "sides" && this.#sides.length) this.card.hint(words.camera.second, words.camera.again, () => this.#forget());
    else if (mode === "sides") this.card.hint(words.camera.first);
    else if (!live) this.card.hint(words.camera.aim);
    else if (mode === "all" && live.tracks.all.length) this.card.coins(live.tracks.all, live.sums ?? {});
    else {
      const track = live.tracks.all[0];
      if (track && (track.locked || !live.hint)) this.card.coin(track);
      else this.card.hint(words.camera[live.hint || "aim"]);
    }
  }

  /** Begin with the first side again. */
  #forget() {
    this.#sides = [];
    this.#guide();
  }

  #modes() {
    const choose = (/** @type {Event} */ event) => {
      mode = /** @type {Mode} */ (/** @type {HTMLInputElement} */ (event.target).value);
      if (this.#camera) this.#look();
      this.#forget();
    };
    const option = (/** @type {Mode} */ one) =>
      h(
        "label",
        {},
        h("input", { type: "radio", name: "mode", value: one, checked: one === mode, onchange: choose }),
        icon(one === "one" ? "coin" : one === "all" ? "coins" : "sides"),
        h("span", {}, words.camera[one]),
      );
    return h("fieldset.modes", {}, h("legend.unseen", {}, words.camera.modes), MODES.map(option));
  }

  /** @param {MouseEvent} event */
  #tapped(event) {
    const track = this.#live?.at(event.offsetX, event.offsetY);
    if (!track) return;
    if (mode === "all") this.#ask(async () => [await /** @type {Live} */ (this.#live).still(track)], false);
    else if (mode === "one") this.#open();
  }

  #open() {
    this.#ask(async () => [await /** @type {Live} */ (this.#live).still()], false);
  }

  async #add() {
    const photo = await this.#live?.still();
    if (photo && !this.#left.signal.aborted) beginAdding([photo]);
  }

  async #shoot() {
    if (!this.#live?.grabber.ready) return;
    const live = this.#live;
    if (mode !== "sides") await this.#ask(async () => [await live.still()], mode === "all");
    else await this.#chosen([await live.still()]);
  }

  /** @param {Blob[]} photos chosen or taken, in whatever mode */
  async #chosen(photos) {
    if (mode === "sides") {
      this.#sides = [...this.#sides, ...photos].slice(0, 2);
      if (this.#sides.length < 2) {
        this.#guide();
        return;
      }
      const sides = this.#sides;
      this.#sides = [];
      await this.#ask(async () => sides, false);
      this.#guide();
    } else await this.#ask(async () => photos.slice(0, 2), mode === "all" && photos.length === 1);
  }

  /**
   * @param {() => Promise<Blob[]>} photos
   * @param {boolean} all
   */
  async #ask(photos, all) {
    if (this.#busy) return;
    this.#busy = true;
    this.element.setAttribute("aria-busy", "true");
    try {
      await recognize(await photos(), all, this.#left.signal);
    } catch (error) {
      complain(error);
    }
    this.#busy = false;
    this.element.removeAttribute("aria-busy");
  }
}
