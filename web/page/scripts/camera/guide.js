/** What to do when the camera finds no coin, or too little of one. */

import { radiusOf } from "./ellipse.js";

/** @typedef {"aim" | "nothing" | "closer" | "whole" | "still" | "light" | ""} Hint a key of the words; '' for none */

const DARK = 45; // grey levels, mean of a frame
const MOVING = 14; // grey levels, mean difference of two frames
const SMALL = 0.14; // radius of a coin over the frame's shorter side
const PATIENT = 8; // frames without a coin until there is more to say than to aim at one

/**
 * The one hint that helps most.
 * @param {import("./ellipse.js").Outline | null} outline of the coin, if there is one
 * @param {{width: number, height: number}} frame px
 * @param {import("./grabber.js").Sight} sight
 * @param {number} empty frames without a coin, up to now
 * @returns {Hint}
 */
export function hintFor(outline, frame, sight, empty) {
  if (sight.light < DARK) return "light";
  if (sight.motion > MOVING) return "still";
  if (!outline) return empty < PATIENT ? "aim" : "nothing";
  const radius = radiusOf(outline);
  if (radius < SMALL * Math.min(frame.width, frame.height)) return "closer";
  const { cx, cy } = outline;
  const [left, top] = [Math.min(cx, frame.width - cx), Math.min(cy, frame.height - cy)];
  return Math.min(left, top) < 0.97 * radius ? "whole" : "";
}
