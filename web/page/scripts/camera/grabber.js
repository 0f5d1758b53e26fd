/** Pictures from a video, as much of it as is seen on the screen. */

import { jpegOf } from "../photos.js";

const FRAME = 640; // px, long side of a frame: the coin is looked at in 256
const STILL = 2048; // px, of a photo
const SMALL = 32; // px, of the picture by which light and motion are judged

/**
 * @typedef {object} Grab
 * @property {Blob} jpeg
 * @property {number} width px
 * @property {number} height px
 */

/**
 * @typedef {object} Sight what can be said of a frame without the server
 * @property {number} light mean of the grey levels, 0 to 255
 * @property {number} motion mean difference to the frame before, in grey levels
 */

export class Grabber {
  #canvas = document.createElement("canvas");
  #small = document.createElement("canvas");
  /** @type {Uint8ClampedArray | null} */
  #before = null;

  /** @param {HTMLVideoElement} video shown with `object-fit: cover` */
  constructor(video) {
    this.video = video;
    this.#small.width = this.#small.height = SMALL;
  }

  /** Whether the video has a picture. */
  get ready() {
    return this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && this.video.videoWidth > 0;
  }

  /** A frame for the live view. */
  frame() {
    return this.#grab(FRAME, 0.8);
  }

  /** A photo as large as the camera gives it. */
  still() {
    return this.#grab(STILL, 0.92);
  }

  /** @returns {Sight} */
  look() {
    const context = /** @type {CanvasRenderingContext2D} */ (this.#small.getContext("2d", { willReadFrequently: true }));
    context.drawImage(this.video, 0, 0, SMALL, SMALL);
    const now = context.getImageData(0, 0, SMALL, SMALL).data;
    let light = 0;
    let motion = 0;
    for (let at = 1; at < now.length; at += 4) {
      light += now[at] ?? 0; // green is nearly the grey level
      motion += Math.abs((now[at] ?? 0) - (this.#before?.[at] ?? now[at] ?? 0));
    }
    this.#before = now;
    return { light: light / SMALL ** 2, motion: motion / SMALL ** 2 };
  }

  /**
   * @param {number} most px of the long side
   * @param {number} quality
   * @returns {Promise<Grab>}
   */
  async #grab(most, quality) {
    const { x, y, width, height } = this.#seen();
    const scale = Math.min(1, most / Math.max(width, height));
    this.#canvas.width = Math.round(width * scale);
    this.#canvas.height = Math.round(height * scale);
    const context = /** @type {CanvasRenderingContext2D} */ (this.#canvas.getContext("2d", { alpha: false }));
    context.drawImage(this.video, x, y, width, height, 0, 0, this.#canvas.width, this.#canvas.height);
    const size = { width: this.#canvas.width, height: this.#canvas.height };
    return { jpeg: await jpegOf(this.#canvas, quality), ...size };
  }

  /** The part of the video that is on the screen, in its px. */
  #seen() {
    const { videoWidth, videoHeight, clientWidth, clientHeight } = this.video;
    const scale = Math.max(clientWidth / videoWidth, clientHeight / videoHeight) || 1;
    const width = Math.min(videoWidth, clientWidth / scale || videoWidth);
    const height = Math.min(videoHeight, clientHeight / scale || videoHeight);
    return { x: (videoWidth - width) / 2, y: (videoHeight - height) / 2, width, height };
  }
}
