/** Photos as they are sent and shown. */

export const ENOUGH = 2048; // px, long side of a photo of one coin: more shows no more
const TURNED_ALIKE = ["image/jpeg", "image/png"]; // browsers turn them by their EXIF as the server does, but not WebP
export const ENOUGH_OF_MANY = 3072; // px, of a photo of many

/**
 * The photo as it is shown, made smaller if it is larger than needed, so that a slow network takes less time. What the
 * browser cannot read (HEIC, mostly) goes as it is: the server may.
 * @param {Blob} photo
 * @param {number} most px of the long side
 * @returns {Promise<Blob>}
 */
export async function reduced(photo, most) {
  const bitmap = await bitmapOf(photo);
  if (!bitmap) return photo;
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  if (scale === 1 && TURNED_ALIKE.includes(photo.type)) {
    bitmap.close();
    return photo;
  }
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // under what is transparent, as the server sees it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close(); // one of 50 megapixels has 200 MB
  return jpegOf(canvas, 0.92);
}

const AROUND = 1.6; // radii of a coin that its own photo has on each side: the coin is the largest there

/**
 * One coin of a photo, with some ground around it.
 * @param {ImageBitmap} photo
 * @param {{cx: number, cy: number}} middle px
 * @param {number} radius px, the longer one
 */
export function around(photo, { cx, cy }, radius) {
  const reach = AROUND * radius;
  const left = Math.max(0, Math.round(cx - reach));
  const top = Math.max(0, Math.round(cy - reach));
  const canvas = document.createElement("canvas");
  canvas.width = Math.min(photo.width - left, Math.round(2 * reach));
  canvas.height = Math.min(photo.height - top, Math.round(2 * reach));
  canvas.getContext("2d")?.drawImage(photo, -left, -top);
  return jpegOf(canvas, 0.92);
}

/**
 * The pixels of a photo as a person sees it; null if the browser cannot read it.
 * @param {Blob} photo
 * @returns {Promise<ImageBitmap | null>}
 */
export const bitmapOf = (photo) => createImageBitmap(photo).catch(() => null);

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number} quality
 * @returns {Promise<Blob>}
 */
export function jpegOf(canvas, quality) {
  return new Promise((take, refuse) =>
    canvas.toBlob((blob) => (blob ? take(blob) : refuse(new Error("no JPEG could be made"))), "image/jpeg", quality),
  );
}
