/** The collection: a grid of coins that is searched, narrowed, sorted and printed. Pages of it come as it is scrolled. */

import { ask, pictureOf, session } from "../api.js";
import { factsOf } from "../entries.js";
import { fill, h, icon } from "../dom.js";
import { complain } from "../notice.js";
import { heading } from "../router.js";
import { words } from "../words/index.js";
import { fieldsOf, nameOf } from "./fields.js";
import { labelled } from "./form.js";

const PAGE = 60; // entries of one answer
const MOST = 200; // entries of one answer
const SHOWN_AGAIN = 1000; // entries, after going back
const PRINTED = 600; // entries of a sheet
const PAUSE = 250; // ms after the last letter until a search begins
const OPTIONS = ["text", "sort", "descending"];

/**
 * @param {string[]} _
 * @param {URLSearchParams} query
 * @returns {Promise<import("../router.js").View>}
 */
export async function open(_, query) {
  const { fields } = await fieldsOf();
  const count = h("p.faint", { role: "status" });
  const grid = h("ul.grid", { onclick: () => history.replaceState({ shown: grid.children.length, top: scrollY }, "") });
  const end = h("p.end.faint");
  const filters = fields.filter((field) => field.filter);
  const form = h("form.search", { onsubmit: (/** @type {Event} */ event) => event.preventDefault(), oninput: changed });
  fill(
    form,
    h("input", { type: "search", name: "text", value: query.get("text") ?? "", placeholder: words.collection.search, "aria-label": words.collection.search }),
    h(
      "details",
      { open: [...query.keys()].some((key) => key !== "text") },
      h("summary", {}, words.collection.filters),
      filters.map(({ name }) => labelled(nameOf(name), h("input", { name, value: query.get(name) ?? "", autocomplete: "off" }))),
      labelled(words.collection.sort, sortSelect(fields, query.get("sort") ?? "")),
      h("label.check", {}, h("input", { type: "checkbox", name: "descending", checked: query.get("descending") === "true" }), words.collection.descending),
      h("button.plain", { type: "button", onclick: clear }, words.collection.clear),
    ),
  );
  const tools = h(
    "div.tools",
    {},
    h("button.plain", { type: "button", onclick: print }, icon("print"), words.collection.print),
    session.mayChange && h("a.button.plain", { href: "#/import" }, icon("table"), words.collection.import),
  );
  const element = h("section.collection", {}, h("header", {}, heading(words.collection.title), tools), form, count, grid, end);

  let next = ""; // cursor of the page that follows
  let stop = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<boolean> | null} */
  let loading = null;
  const watch = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && more(), { rootMargin: "800px" });
  /** @type {{shown: number, top: number} | null} where its user was, who comes back */
  const before = history.state;
  await begin();
  const wanted = Math.min(before?.shown ?? 0, SHOWN_AGAIN);
  while (grid.children.length < wanted && (await load(MOST)));
  return { title: words.collection.title, element, close, top: before?.top };

  function close() {
    clearTimeout(timer);
    stop.abort();
    watch.disconnect();
  }

  function changed() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const asked = new URLSearchParams(Object.entries(asking()).map(([key, value]) => [key, String(value)]));
      history.replaceState(null, "", `#/collection${asked.size ? `?${asked}` : ""}`);
      begin().catch(complain);
    }, PAUSE);
  }

  function clear() {
    for (const input of form.querySelectorAll("input, select")) /** @type {HTMLInputElement} */ (input).value = "";
    for (const box of form.querySelectorAll("[type=checkbox]")) /** @type {HTMLInputElement} */ (box).checked = false;
    changed();
  }

  /** What the form asks for. */
  function asking() {
    const given = new FormData(form);
    /** @type {Record<string, string | boolean>} */
    const asked = {};
    for (const name of [...OPTIONS, ...filters.map((filter) => filter.name)]) {
      const value = String(given.get(name) ?? "").trim();
      if (value) asked[name] = name === "descending" ? true : value;
    }
    return asked;
  }

  /** Show the first page of what is asked for. */
  async function begin() {
    stop.abort();
    stop = new AbortController();
    watch.disconnect();
    const page = await ask("entries", { query: { ...asking(), limit: PAGE }, signal: stop.signal });
    grid.replaceChildren();
    show(page);
    watch.observe(end);
    if (!Object.keys(asking()).length) {
      const { entries } = await ask("status", { signal: stop.signal });
      fill(count, words.collection.count(entries));
    }
  }

  /** Show the next page, once however often it is asked for. */
  function more() {
    loading ??= load(PAGE).finally(() => (loading = null));
    return loading;
  }

  /**
   * @param {number} limit
   * @returns {Promise<boolean>} whether there were more
   */
  async function load(limit) {
    if (!next) return false;
    try {
      show(await ask("entries", { query: { ...asking(), limit, cursor: next }, signal: stop.signal }));
    } catch (error) {
      complain(error);
      return false;
    }
    watch.unobserve(end);
    watch.observe(end); // says again whether the end is near
    return true;
  }

  /** @param {import("../answers").EntryPage} page */
  function show(page) {
    next = page.next;
    grid.append(...page.entries.map(tile));
    const empty = Object.keys(asking()).length ? words.collection.nothing : words.collection.empty;
    fill(end, next ? words.loading : grid.children.length ? words.collection.end : empty);
    fill(count, words.collection.shown(grid.children.length));
  }

  async function print() {
    for (let before = -1; next && before < grid.children.length && grid.children.length < PRINTED; await more()) {
      before = grid.children.length; // no more came: something failed
    }
    const images = [...grid.querySelectorAll("img")];
    for (const image of images) image.loading = "eager";
    await Promise.allSettled(images.map((image) => image.decode()));
    globalThis.print();
  }
}

/** @param {import("../answers").Entry} entry */
export function tile(entry) {
  return h(
    "li",
    {},
    h(
      "a.tile",
      { href: `#/entry/${encodeURIComponent(entry.id)}` },
      h("img", { src: pictureOf(entry.id), alt: "", width: 256, height: 256, loading: "lazy", decoding: "async", onerror: hide }),
      h("strong", {}, entry.name),
      h("span.faint", {}, factsOf(entry)),
    ),
  );
}

/** @param {Event} event of a picture that the catalog lacks */
function hide(event) {
  /** @type {HTMLElement} */ (event.target).classList.add("missing");
}

/**
 * @param {import("../answers").FieldState[]} fields
 * @param {string} chosen
 */
function sortSelect(fields, chosen) {
  const option = (/** @type {string} */ value, /** @type {string} */ label) => h("option", { value, selected: value === chosen }, label);
  return h("select", { name: "sort" }, option("", words.collection.enrolled), fields.map(({ name }) => option(name, nameOf(name))));
}
