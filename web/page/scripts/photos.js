/** Photos as they are sent and shown. */

import { jpegOf } from "./camera/grabber.js";

export const ENOUGH = 2048; // px, long side of a photo of one coin: more shows no more
export const ENOUGH_OF_MANY = 3072; // px, of a photo of many

/**
 * The photo, made smaller if it is larger than needed, so that a slow network takes less time. What the browser cannot read
 * (HEIC, mostly) goes as it is: the server may.
 * @param {Blob} photo
 * @param {number} most px of the long side
 * @returns {Promise<Blob>}
 */
export async function reduced(photo, most) {
  const bitmap = await bitmapOf(photo);
  if (!bitmap || Math.max(bitmap.width, bitmap.height) <= most) return photo;
  const scale = most / Math.max(bitmap.width, bitmap.height);
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // under what is transparent, as the server sees it
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return jpegOf(canvas, 0.92);
}

/**
 * The pixels of a photo as a person sees it; null if the browser cannot read it.
 * @param {Blob} photo
 * @returns {Promise<ImageBitmap | null>}
 */
export const bitmapOf = (photo) => createImageBitmap(photo).catch(() => null);
