/** Outlines as numbers that can be averaged: an ellipse's angle jumps where its axes are alike, its matrix does not. */

/** @typedef {import("../answers").Ellipse} Ellipse */

/**
 * @typedef {object} Outline middle, and the matrix R diag(a², b²) Rᵀ; in px, and px²
 * @property {number} cx
 * @property {number} cy
 * @property {number} xx
 * @property {number} xy
 * @property {number} yy
 */

/**
 * @param {Ellipse} ellipse
 * @returns {Outline}
 */
export function outlineOf({ cx, cy, a, b, angle }) {
  const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
  const [aa, bb] = [a * a, b * b];
  return { cx, cy, xx: aa * cos * cos + bb * sin * sin, xy: (aa - bb) * cos * sin, yy: aa * sin * sin + bb * cos * cos };
}

/**
 * @param {Outline} outline
 * @returns {Ellipse}
 */
export function ellipseOf({ cx, cy, xx, xy, yy }) {
  const mean = (xx + yy) / 2;
  const half = Math.hypot((xx - yy) / 2, xy);
  const angle = (Math.atan2(2 * xy, xx - yy) * 90) / Math.PI;
  return { cx, cy, a: Math.sqrt(mean + half), b: Math.sqrt(Math.max(mean - half, 0)), angle };
}

/**
 * An outline between two.
 * @param {Outline} from
 * @param {Outline} to
 * @param {number} share 0 gives `from`, 1 gives `to`
 * @returns {Outline}
 */
export function between(from, to, share) {
  const mix = (/** @type {keyof Outline} */ key) => from[key] + share * (to[key] - from[key]);
  return { cx: mix("cx"), cy: mix("cy"), xx: mix("xx"), xy: mix("xy"), yy: mix("yy") };
}

/**
 * Mean radius, px.
 * @param {Outline} outline
 */
export const radiusOf = (outline) => Math.sqrt((outline.xx + outline.yy) / 2);

/**
 * How far two outlines are from each other, in radii of the first: by place and by size.
 * @param {Outline} one
 * @param {Outline} other
 */
export function apart(one, other) {
  const radius = radiusOf(one) || 1;
  return Math.hypot(one.cx - other.cx, one.cy - other.cy) / radius + Math.abs(radiusOf(other) / radius - 1);
}

/**
 * Whether an outline has a point in it, px.
 * @param {Outline} outline
 * @param {number} x
 * @param {number} y
 */
export function holds({ cx, cy, xx, xy, yy }, x, y) {
  const [dx, dy] = [x - cx, y - cy];
  return yy * dx * dx - 2 * xy * dx * dy + xx * dy * dy <= xx * yy - xy * xy;
}
