/** Outlines drawn over the video. */

import { ellipseOf } from "./ellipse.js";

const [KNOWN, UNKNOWN, SEEN] = ["--known", "--unknown", "--seen"]; // colours of the style sheet

/**
 * Draw the outlines of coins, and a word on each where there are several.
 * @param {HTMLCanvasElement} canvas over the video, and as large
 * @param {import("./tracks.js").Track[]} tracks
 * @param {{width: number, height: number}} frame px, in which the outlines are measured
 * @param {boolean} named
 */
export function draw(canvas, tracks, frame, named) {
  const ratio = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio];
  if (canvas.width !== Math.round(width) || canvas.height !== Math.round(height)) {
    canvas.width = Math.round(width);
    canvas.height = Math.round(height);
  }
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const style = getComputedStyle(canvas);
  const scale = canvas.width / frame.width;
  context.clearRect(0, 0, canvas.width, canvas.height);
  for (const track of tracks) {
    const { cx, cy, a, b, angle } = ellipseOf(track.outline);
    const [x, y] = [(cx + 0.5) * scale, (cy + 0.5) * scale];
    const colour = style.getPropertyValue(track.locked ? KNOWN : track.unknown ? UNKNOWN : SEEN);
    context.beginPath();
    context.ellipse(x, y, a * scale, b * scale, (angle * Math.PI) / 180, 0, 2 * Math.PI);
    for (const [line, ink] of /** @type {[number, string][]} */ ([[6, "rgb(0 0 0 / 0.55)"], [3, colour]])) {
      context.lineWidth = line * ratio;
      context.strokeStyle = ink;
      context.stroke();
    }
    if (named && track.locked) label(context, labelOf(track.locked.entry), x, y, 1.7 * b * scale, ratio);
  }
}

/** @param {import("../answers").Entry} entry */
const labelOf = (entry) => `${entry.denomination} ${entry.currency}`;

/**
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {number} most px that it may be wide
 * @param {number} ratio
 */
function label(context, text, x, y, most, ratio) {
  context.font = `600 ${13 * ratio}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 4 * ratio;
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 0.7)";
  context.strokeText(text, x, y, most);
  context.fillStyle = "white";
  context.fillText(text, x, y, most);
}
