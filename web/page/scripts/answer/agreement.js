/** What two coins that lie the same way up have in common: their edges, drawn in green where both have them. */

import { SIDE } from "./rectify.js";

const WITHIN = 116; // px from the middle in which edges count: the rim is at 120
const BRIGHTEST = 0.985; // quantile of the edges that is drawn at full strength
const NEAR = 2; // px that an edge may lie beside its counterpart
const SHARED = [90, 200, 40];
const ALONE = [190, 40, 200];

/**
 * Edges of two pictures of SIDE px: green those that both have at the same place, pink those of one alone.
 * @param {CanvasImageSource} one
 * @param {CanvasImageSource} other
 */
export function agreement(one, other) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const picture = context.createImageData(SIDE, SIDE);
  const edges = [edgesOf(one), edgesOf(other)];
  const near = edges.map(widened);
  for (let at = 0; at < SIDE * SIDE; at += 1) {
    const [first, second] = edges.map((each) => each[at] ?? 0);
    const [nearFirst, nearSecond] = near.map((each) => each[at] ?? 0);
    const shared = Math.max(Math.min(first ?? 0, nearSecond ?? 0), Math.min(second ?? 0, nearFirst ?? 0));
    const alone = Math.max(0, Math.max(first ?? 0, second ?? 0) - shared);
    const strength = Math.min(1, shared + alone);
    for (let channel = 0; channel < 3; channel += 1) {
      const ink = (SHARED[channel] ?? 0) * shared + (ALONE[channel] ?? 0) * alone;
      picture.data[4 * at + channel] = ink / Math.max(shared + alone, 1e-6);
    }
    picture.data[4 * at + 3] = 255 * strength;
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/**
 * Strength of the edges, 0 to 1, with light and contrast divided out.
 * @param {CanvasImageSource} picture
 */
function edgesOf(picture) {
  const flat = flattened(blurred(greyOf(picture), 1.5));
  const strength = new Float32Array(SIDE * SIDE);
  const at = (/** @type {number} */ x, /** @type {number} */ y) => flat[y * SIDE + x] ?? 0;
  for (let y = 1; y < SIDE - 1; y += 1) {
    for (let x = 1; x < SIDE - 1; x += 1) {
      if (Math.hypot(x - (SIDE - 1) / 2, y - (SIDE - 1) / 2) > WITHIN) continue;
      const down = at(x - 1, y + 1) + 2 * at(x, y + 1) + at(x + 1, y + 1);
      const up = at(x - 1, y - 1) + 2 * at(x, y - 1) + at(x + 1, y - 1);
      const right = at(x + 1, y - 1) + 2 * at(x + 1, y) + at(x + 1, y + 1);
      const left = at(x - 1, y - 1) + 2 * at(x - 1, y) + at(x - 1, y + 1);
      strength[y * SIDE + x] = Math.hypot(right - left, down - up);
    }
  }
  const strongest = Math.max(strength.slice().sort()[Math.floor(BRIGHTEST * strength.length)] ?? 0, 1e-6);
  return strength.map((value) => Math.min(1, Math.max(0, (1.25 * value) / strongest - 0.25)));
}

/** @param {CanvasImageSource} picture */
function greyOf(picture) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  context.fillStyle = "white";
  context.fillRect(0, 0, SIDE, SIDE);
  context.drawImage(picture, 0, 0, SIDE, SIDE);
  const { data } = context.getImageData(0, 0, SIDE, SIDE);
  const grey = new Float32Array(SIDE * SIDE);
  for (let at = 0; at < grey.length; at += 1) {
    grey[at] = 0.299 * (data[4 * at] ?? 0) + 0.587 * (data[4 * at + 1] ?? 0) + 0.114 * (data[4 * at + 2] ?? 0);
  }
  return grey;
}

/** @param {Float32Array} grey */
function flattened(grey) {
  const mean = blurred(grey, 8);
  const centred = grey.map((value, at) => value - (mean[at] ?? 0));
  const spread = blurred(centred.map((value) => value * value), 10);
  return centred.map((value, at) => value / (Math.sqrt(spread[at] ?? 0) + 3));
}

/**
 * @param {Float32Array} picture
 * @param {number} sigma px
 */
function blurred(picture, sigma) {
  const reach = Math.ceil(3 * sigma);
  const weights = Array.from({ length: 2 * reach + 1 }, (_, at) => Math.exp(-((at - reach) ** 2) / (2 * sigma * sigma)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const pass = (/** @type {Float32Array} */ from, /** @type {number} */ step, /** @type {number} */ line) => {
    const to = new Float32Array(from.length);
    for (let row = 0; row < SIDE; row += 1) {
      for (let place = 0; place < SIDE; place += 1) {
        let sum = 0;
        for (let at = -reach; at <= reach; at += 1) {
          const inside = Math.min(SIDE - 1, Math.max(0, place + at));
          sum += (weights[at + reach] ?? 0) * (from[row * line + inside * step] ?? 0);
        }
        to[row * line + place * step] = sum / total;
      }
    }
    return to;
  };
  return pass(pass(picture, 1, SIDE), SIDE, 1);
}

/**
 * The greatest strength within NEAR px.
 * @param {Float32Array} edges
 */
function widened(edges) {
  const wide = new Float32Array(edges.length);
  for (let y = NEAR; y < SIDE - NEAR; y += 1) {
    for (let x = NEAR; x < SIDE - NEAR; x += 1) {
      let most = 0;
      for (let dy = -NEAR; dy <= NEAR; dy += 1) {
        for (let dx = -NEAR; dx <= NEAR; dx += 1) {
          if (dx * dx + dy * dy <= NEAR * NEAR + 1) most = Math.max(most, edges[(y + dy) * SIDE + x + dx] ?? 0);
        }
      }
      wide[y * SIDE + x] = most;
    }
  }
  return wide;
}
