/**
 * The service worker: the page opens without a connection, and shows what of the collection was seen before.
 *
 * A release of the page is kept as a whole, and a page has all its files from one. The network comes first: the gateway says
 * which release it has, and a new one is used as soon as all of it is there. Of the gateway's answers, only what shows the
 * collection is kept; logging out forgets them, and so does a session that has ended.
 */

const PAGE = "page-"; // and the release
const DATA = "data-1";
const MOST = 2000; // answers that are kept
const TRIMMED = 50; // answers after which they are counted
const SEEN = /^\/api\/(?:entries|pictures|similar|fields|session|status)\b/;
const PATIENCE = 4000; // ms for the network where there is something kept

/** @type {Map<string, string>} caches by the pages that have their files from them */
const releases = new Map();
let answers = 0;

addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(newestPage("").then(() => /** @type {any} */ (self).skipWaiting()));
});

addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(/** @type {any} */ (self).clients.claim());
});

addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (pathname === "/") event.respondWith(page(event));
  else if (!pathname.startsWith("/api/")) event.respondWith(file(event));
  else if (SEEN.test(pathname)) event.respondWith(newest(event));
});

/** The name of the newest release that is kept as a whole; '' if there is none. */
async function keptRelease() {
  for (const name of (await caches.keys()).reverse()) {
    if (name.startsWith(PAGE) && (await (await caches.open(name)).match("/"))) return name;
  }
  return "";
}

/** @param {any} event a page is opened */
async function page(event) {
  const before = await keptRelease();
  const asked = newestPage(before);
  event.waitUntil(asked.catch(() => {}));
  const old = () => ({ release: before, response: null });
  const late = new Promise((take) => setTimeout(take, PATIENCE));
  const { release, response } = await (before ? Promise.race([asked.catch(old), late.then(old)]) : asked);
  releases.set(event.resultingClientId, release);
  return response ?? (await caches.open(release)).match("/");
}

/**
 * Ask for the page, and keep its release with every file that it names, if it is another one: it names all that any view needs.
 * @param {string} before the release that is kept
 * @returns {Promise<{release: string, response: Response}>}
 */
async function newestPage(before) {
  const response = await fetch("/");
  const release = `${PAGE}${response.headers.get("X-Release")}`;
  if (!response.ok || release === before) return { release: before, response };
  const named = [...(await response.clone().text()).matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path]) => path ?? "/");
  await (await caches.open(release)).addAll(["/", ...new Set(named)]); // all of them, or none
  for (const name of await caches.keys()) {
    if (name.startsWith(PAGE) && name !== release && name !== before) await caches.delete(name);
  }
  return { release, response };
}

/** @param {any} event a page wants one of its files */
async function file({ clientId, request }) {
  const release = releases.get(clientId) ?? (await keptRelease());
  return (release && (await (await caches.open(release)).match(request))) || fetch(request);
}

/**
 * The answer of the network, or the one that was kept.
 * @param {any} event
 */
async function newest(event) {
  const { request } = event;
  const cache = await caches.open(DATA);
  const kept = await cache.match(request);
  const asked = fetch(request);
  event.waitUntil(asked.then((response) => remember(cache, request, response)).catch(() => {})); // a full disk is no reason to fail
  if (!kept) return asked;
  const late = new Promise((take) => setTimeout(take, PATIENCE));
  return Promise.race([asked, late]).then((response) => response ?? marked(kept), () => marked(kept));
}

/**
 * An answer that was kept, and says so.
 * @param {Response} response
 */
function marked(response) {
  const headers = new Headers(response.headers);
  headers.set("X-Kept", "1");
  return new Response(response.body, { status: response.status, headers });
}

/**
 * @param {Cache} cache
 * @param {Request} request
 * @param {Response} response
 */
async function remember(cache, request, response) {
  if (response.status === 401) await caches.delete(DATA); // who may see nothing sees nothing that another one has seen
  if (!response.ok) return;
  await cache.put(request, response.clone());
  if ((answers += 1) % TRIMMED) return;
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST))) await cache.delete(old);
}
