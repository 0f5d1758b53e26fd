/** What stands in the place of the picture where there is no camera. */

import { isPhone, photoButton } from "../choosing.js";
import { h, icon } from "../dom.js";
import { words } from "../words/index.js";

/**
 * @param {string} why
 * @param {(photos: File[]) => void} chosen
 * @param {() => void} [again] asks for the camera again
 */
export function chooser(why, chosen, again) {
  return h(
    "div.chooser",
    {},
    icon("coin"),
    h("p", {}, why),
    photoButton(isPhone() ? words.camera.choosePhone : words.camera.choose, chosen),
    !isPhone() && h("p.faint", {}, words.camera.drop),
    again && h("button.plain", { type: "button", onclick: again }, words.camera.askAgain),
  );
}
