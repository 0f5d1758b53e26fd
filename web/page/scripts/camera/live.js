/** Frames go out, answers come in, outlines are drawn. */

import { queryOf } from "../api.js";
import { around } from "../photos.js";
import { ellipseOf, holds } from "./ellipse.js";
import { Frames } from "./frames.js";
import { Grabber } from "./grabber.js";
import { hintFor } from "./guide.js";
import { draw } from "./overlay.js";
import { Tracks } from "./tracks.js";

/** @typedef {import("../answers").FrameAnswer} FrameAnswer */

const MEASURES = 1000; // of frames, that are kept
const TURNED = 0.2; // by which a picture's form changes, in natural logarithms, when a phone is turned
const CANDIDATES = 100; // reliefs that are compared for a frame; an answer about a photo compares more

export class Live {
  tracks = new Tracks();
  /** @type {import("./guide.js").Hint} */
  hint = "aim";
  /** @type {FrameAnswer["sums"]} */
  sums = {};
  size = { width: 1, height: 1 }; // px, of the last frame
  #empty = 0;
  #sight = { light: 255, motion: 0 };
  #started = 0;
  #measured = 0;

  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} canvas over it
   * @param {object} told
   * @param {boolean} told.all whether all coins are looked for
   * @param {() => void} told.changed there is something new to show
   * @param {(connected: boolean) => void} told.connected
   */
  constructor(video, canvas, told) {
    this.canvas = canvas;
    this.told = told;
    this.grabber = new Grabber(video);
    this.frames = new Frames({
      query: queryOf({ k: 3, candidates: CANDIDATES, all: told.all || null }),
      grab: () => this.#grab(),
      answered: (answer, frame) => this.#answered(answer, frame),
      connected: (connected) => {
        if (!connected) this.#lose();
        told.connected(connected);
      },
    });
  }

  close() {
    this.frames.close();
  }

  /**
   * The coin at a point of the screen.
   * @param {number} x px of the canvas
   * @param {number} y
   */
  at(x, y) {
    const scale = this.size.width / (this.canvas.clientWidth || 1);
    return this.tracks.all.find((track) => holds(track.outline, x * scale, y * scale)) ?? null;
  }

  /**
   * A photo of what is seen, or of one coin of it.
   * @param {import("./tracks.js").Track} [track]
   */
  async still(track) {
    const { width } = this.size;
    const still = await this.grabber.still();
    if (!track) return still.jpeg;
    const bitmap = await createImageBitmap(still.jpeg);
    const { cx, cy, a } = ellipseOf(track.outline);
    const scale = still.width / width;
    const coin = await around(bitmap, { cx: cx * scale, cy: cy * scale }, a * scale);
    bitmap.close();
    return coin;
  }

  async #grab() {
    if (!this.grabber.ready) return null;
    this.#started = performance.now();
    this.#sight = this.grabber.look();
    return this.grabber.frame();
  }

  /**
   * @param {FrameAnswer} answer
   * @param {import("./grabber.js").Grab} frame
   */
  #answered(answer, frame) {
    if (answer.problem) {
      this.tracks.take([]); // outlines go after some of them
      this.#show(null);
      return;
    }
    if (Math.abs(Math.log((frame.width * this.size.height) / (frame.height * this.size.width))) > TURNED) this.tracks = new Tracks();
    this.size = frame;
    const coin = answer.ellipse && { ellipse: answer.ellipse, known: answer.known, matches: answer.matches };
    this.tracks.take(answer.coins ?? (coin ? [coin] : []));
    // A sum belongs to names that stay: frames differ for a moment, now and then.
    const named = this.tracks.all.filter((track) => track.locked).length;
    if (answer.coins?.filter((one) => one.known).length === named) this.sums = answer.sums;
    this.#empty = this.tracks.all.length ? 0 : this.#empty + 1;
    const outline = this.tracks.all[0]?.outline ?? null;
    this.hint = hintFor(this.told.all ? null : outline, frame, this.#sight, this.#empty);
    if (this.told.all && outline) this.hint = "";
    this.#show(this.#started);
  }

  /** Nobody says where the coins are now. */
  #lose() {
    this.tracks = new Tracks();
    this.#show(null);
  }

  /** @param {number | null} started when the frame was taken that is shown */
  #show(started) {
    requestAnimationFrame(() => {
      draw(this.canvas, this.tracks.all, this.size, this.told.all);
      if (started === null) return;
      if ((this.#measured += 1) % MEASURES === 0) performance.clearMeasures("frame"); // the browser keeps all of them
      performance.measure("frame", { start: started }); // from the picture to the outline on it
    });
    this.told.changed();
  }
}
