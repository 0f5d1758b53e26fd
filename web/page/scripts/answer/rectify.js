/** A coin cut out of its photo and made round, as the server sees it and as the catalog's pictures are. */

export const SIDE = 256; // px, of the catalog's pictures
export const RADIUS = 120; // px of the coin in them

/**
 * The coin of a photo, on a transparent ground.
 * @param {ImageBitmap} photo
 * @param {import("../answers").Ellipse} ellipse its outline, px of the photo
 * @param {number} turn degrees, clockwise
 * @param {number} side px of the picture
 */
export function rectified(photo, { cx, cy, a, b, angle }, turn, side = SIDE) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = side;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const radius = (RADIUS / SIDE) * side;
  context.arc(side / 2, side / 2, radius, 0, 2 * Math.PI);
  context.clip();
  // Read from below: the middle to the origin, the ellipse to a circle along its own axes, and back the right way up.
  context.translate(side / 2, side / 2);
  context.rotate(((turn + angle) * Math.PI) / 180);
  context.scale(radius / a, radius / b);
  context.rotate((-angle * Math.PI) / 180);
  context.translate(-(cx + 0.5), -(cy + 0.5)); // pixel centres lie on whole numbers
  context.imageSmoothingQuality = "high";
  context.drawImage(photo, 0, 0);
  return canvas;
}
