/** The gateway, asked over HTTP. Types of its answers: answers.d.ts. */

import { words } from "./words/index.js";

/** An error that the gateway or the network made; its message is for people. */
export class Problem extends Error {
  /**
   * @param {string} kind the last part of the problem's type, such as `no-coin`; `network` if no answer came
   * @param {number} status 0 if no answer came
   * @param {string} detail
   */
  constructor(kind, status, detail) {
    super(/** @type {Record<string, string>} */ (words.problems)[kind] ?? detail);
    this.kind = kind;
    this.status = status;
    this.detail = detail;
  }
}

/** Who may do what; the event `change` tells that it is somebody else now. */
class Session extends EventTarget {
  /** @type {import("./answers").SessionState} */
  state = { role: "none", csrf: "", logged_in: false };

  get mayRead() {
    return this.state.role !== "none";
  }

  get mayChange() {
    return this.state.role === "change";
  }

  /** @param {import("./answers").SessionState} state */
  become(state) {
    const before = this.state;
    this.state = state;
    if (state.role !== before.role || state.logged_in !== before.logged_in) this.dispatchEvent(new Event("change"));
  }
}

export const session = new Session();

/** Tells by the event `kept` that an answer is an old one, which the service worker had kept: there is no connection. */
export const connection = new EventTarget();

/** Ask who this page is. */
export async function askSession() {
  session.become(await ask("session"));
}

/**
 * Begin a session.
 * @param {string} token
 */
export async function logIn(token) {
  session.become(await ask("session", { method: "POST", body: { token } }));
}

/** End the session, and forget what was seen: what was kept for offline, and what this page remembers. */
export async function logOut() {
  for (const name of (await globalThis.caches?.keys()) ?? []) if (name.startsWith("data")) await caches.delete(name);
  await ask("session", { method: "DELETE" });
  location.reload();
}

/** @typedef {Record<string, string | number | boolean | null | undefined>} Query what is empty or null is left out */

/**
 * Ask, and take the answer's JSON; null where it has none.
 * @param {string} path below /api/
 * @param {{method?: string, body?: Blob | FormData | object, query?: Query, signal?: AbortSignal}} options
 * @returns {Promise<any>}
 * @throws {Problem}
 */
export async function ask(path, { method = "GET", body, query = {}, signal } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (method !== "GET") headers["X-CSRF-Token"] = session.state.csrf;
  let sent = /** @type {any} */ (body);
  if (body instanceof Blob) headers["Content-Type"] = body.type || "application/octet-stream";
  else if (body !== undefined && !(body instanceof FormData)) {
    headers["Content-Type"] = "application/json";
    sent = JSON.stringify(body);
  }
  const init = { method, headers, body: sent, signal };
  const response = await fetch(`/api/${path}${queryOf(query)}`, init).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new Problem("network", 0, String(error));
  });
  if (response.headers.has("X-Kept")) connection.dispatchEvent(new Event("kept"));
  if (response.ok) return response.status === 204 ? null : response.json();
  const said = await response.json().catch(() => ({}));
  const problem = new Problem(String(said.type ?? "").split(":").pop() || "http", response.status, said.detail ?? response.statusText);
  if (problem.kind === "unauthorized" && path !== "session") await askSession().catch(() => {});
  if (problem.kind === "no-csrf") {
    // Another page of this browser has logged in anew, or the gateway has begun anew.
    const before = session.state.csrf;
    await askSession();
    if (session.state.csrf !== before) return ask(path, { method, body, query, signal });
  }
  throw problem;
}

/** @param {Query} query */
export function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return given.length ? `?${new URLSearchParams(given.map(([key, value]) => [key, String(value)]))}` : "";
}

/**
 * A form of photos and what is said of them.
 * @param {Blob[]} photos
 * @param {object} [fields]
 */
export function formOf(photos, fields) {
  const form = new FormData();
  photos.forEach((photo, number) => form.append("photo", photo, `${number}.jpg`));
  if (fields) form.append("fields", JSON.stringify(fields));
  return form;
}

/**
 * Where the picture of an entry's photo is; of its first one without `view`.
 * @param {string} entry
 * @param {string} [view]
 */
export function pictureOf(entry, view) {
  return `/api/pictures/${encodeURIComponent(entry)}${view ? `/${encodeURIComponent(view)}` : ""}`;
}
