/** Photos that are chosen, taken by the phone's own camera, dropped or pasted. */

import { h, icon } from "./dom.js";

/** Whether this is a device that is touched: its file input offers the camera. */
export const isPhone = () => matchMedia("(pointer: coarse)").matches;

/**
 * A button that lets its user choose photos.
 * @param {string} label
 * @param {(photos: File[]) => void} chosen
 * @param {{multiple?: boolean, classes?: string}} options
 */
export function photoButton(label, chosen, { multiple = false, classes = "primary" } = {}) {
  const input = h("input", { type: "file", accept: "image/*,.heic,.heif,.avif", multiple, onchange: take, className: "unseen" });
  // The label is what is clicked; the input takes the keyboard and tells its name.
  return h(`label.button.${classes}`, {}, input, icon("upload"), h("span", {}, label));

  function take() {
    const photos = [...(input.files ?? [])];
    input.value = ""; // so that the same photo can be chosen again
    if (photos.length) chosen(photos);
  }
}

/**
 * Take photos that are dropped on an element, or pasted anywhere while it is shown.
 * @param {HTMLElement} element
 * @param {(photos: File[]) => void} chosen
 * @returns {() => void} ends it
 */
export function takeDropped(element, chosen) {
  const stop = new AbortController();
  const { signal } = stop;
  element.addEventListener("dragover", (event) => (event.preventDefault(), element.classList.add("over")), { signal });
  element.addEventListener("dragleave", () => element.classList.remove("over"), { signal });
  element.addEventListener(
    "drop",
    (event) => {
      event.preventDefault();
      element.classList.remove("over");
      take(event.dataTransfer);
    },
    { signal },
  );
  document.addEventListener("paste", (event) => take(event.clipboardData), { signal });
  return () => stop.abort();

  /** @param {DataTransfer | null} data */
  function take(data) {
    const photos = [...(data?.files ?? [])];
    if (photos.length) chosen(photos);
  }
}
