/** Frames go out, answers come in, outlines are drawn. */

import { queryOf } from "../api.js";
import { holds, radiusOf } from "./ellipse.js";
import { Frames } from "./frames.js";
import { Grabber, jpegOf } from "./grabber.js";
import { hintFor } from "./guide.js";
import { draw } from "./overlay.js";
import { Tracks } from "./tracks.js";

/** @typedef {import("../answers").FrameAnswer} FrameAnswer */

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
      connected: told.connected,
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
    const still = await this.grabber.still();
    return track ? around(still, track.outline, still.width / this.size.width) : still.jpeg;
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
    if (answer.problem) return;
    const coin = answer.ellipse && { ellipse: answer.ellipse, known: answer.known, matches: answer.matches };
    this.tracks.take(answer.coins ?? (coin ? [coin] : []));
    // A sum belongs to names that stay: frames differ for a moment, now and then.
    const named = this.tracks.all.filter((track) => track.locked).length;
    if (answer.coins?.filter((one) => one.known).length === named) this.sums = answer.sums;
    this.size = frame;
    this.#empty = this.tracks.all.length ? 0 : this.#empty + 1;
    const outline = this.tracks.all[0]?.outline ?? null;
    this.hint = hintFor(this.told.all ? null : outline, frame, this.#sight, this.#empty);
    if (this.told.all && outline) this.hint = "";
    const started = this.#started;
    requestAnimationFrame(() => {
      draw(this.canvas, this.tracks.all, frame, this.told.all);
      performance.measure("frame", { start: started }); // from the picture to the outline on it
    });
    this.told.changed();
  }
}

const AROUND = 1.6; // radii of a coin that its own photo has on each side

/**
 * One coin of a photo, with some ground around it.
 * @param {import("./grabber.js").Grab} still
 * @param {import("./ellipse.js").Outline} outline
 * @param {number} scale px of the photo in one of the outline
 */
async function around(still, outline, scale) {
  const bitmap = await createImageBitmap(still.jpeg);
  const reach = AROUND * radiusOf(outline) * scale;
  const left = Math.max(0, Math.round(outline.cx * scale - reach));
  const top = Math.max(0, Math.round(outline.cy * scale - reach));
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(still.width - left, Math.round(2 * reach));
  canvas.height = Math.min(still.height - top, Math.round(2 * reach));
  canvas.getContext("2d")?.drawImage(bitmap, -left, -top);
  return jpegOf(canvas, 0.92);
}
