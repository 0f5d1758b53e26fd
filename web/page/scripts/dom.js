/** Elements. Texts are always text nodes, so what a catalog says of a coin can never become markup or script. */

/** @typedef {Node | string | number | null | undefined | false} Child */

/**
 * Make an element: `h("button.primary", {type: "submit"}, "Save")`.
 *
 * Properties that begin with `on` are listeners, those that an element has are set, all others become attributes; null,
 * undefined and false are left out.
 * @template {keyof HTMLElementTagNameMap} Name
 * @param {Name | `${Name}.${string}`} what the element's name, and its classes after dots
 * @param {Record<string, any>} properties
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[Name]}
 */
export function h(what, properties = {}, ...children) {
  const [name = "div", ...classes] = what.split(".");
  const element = document.createElement(name);
  element.classList.add(...classes);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) Reflect.set(element, key, value);
    else element.setAttribute(key, value === true ? "" : String(value));
  }
  append(element, ...children);
  return /** @type {HTMLElementTagNameMap[Name]} */ (element);
}

/**
 * Add children to an element.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function append(element, ...children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/**
 * Put children in the place of those that an element has.
 * @param {Element} element
 * @param {...(Child | Child[])} children
 */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, ...children);
}

const SVG = "http://www.w3.org/2000/svg";

/** Paths in a square of 24, drawn with a line of 2. */
const ICONS = {
  add: "M12 5v14M5 12h14",
  back: "M15 5l-7 7 7 7",
  camera: "M4 8h3l2-3h6l2 3h3v11H4zM12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7",
  close: "M6 6l12 12M18 6L6 18",
  coin: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M12 17.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11",
  coins: "M9 14a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11M16.5 21a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9",
  edit: "M5 19l1-4L16 5l3 3L9 18zM14 7l3 3",
  grid: "M4 4h6v6H4zM14 4h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z",
  history: "M4 12a8 8 0 1 1 2.5 5.8M4 5v5h5M12 8v4.5l3 2",
  menu: "M4 7h16M4 12h16M4 17h16",
  print: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  sides: "M8 4v16M8 4a8 8 0 0 0 0 16M12 4a8 8 0 0 1 0 16M16 9l3 3-3 3",
  table: "M4 5h16v14H4zM4 10h16M4 14.5h16M10 5v14",
  torch: "M13 3L6 13h5l-1 8 8-11h-6z",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  undo: "M8 5L4 9l4 4M4 9h10a5.5 5.5 0 0 1 0 11H9",
  upload: "M12 16V5M7 10l5-5 5 5M5 19h14",
};

/** @typedef {keyof typeof ICONS} IconName */

/**
 * A picture that stands beside words or on a labelled button; readers of the screen skip it.
 * @param {IconName} name
 */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * A button with an icon alone; its label is read out and shown as a tip.
 * @param {IconName} name
 * @param {string} label
 * @param {() => void} act
 * @param {Record<string, any>} properties
 */
export function iconButton(name, label, act, properties = {}) {
  return h("button.round", { type: "button", "aria-label": label, title: label, onclick: act, ...properties }, icon(name));
}
