/**
 * The service worker: the page opens without a connection, and shows what of the collection was seen before.
 *
 * The network comes first, so nobody works with an old page while the gateway answers. Only GET is kept, and of the gateway's
 * answers only what shows the collection; logging out forgets them.
 */

const PAGE = "page-1";
const DATA = "data-1";
const MOST = 2000; // answers that are kept
const SEEN = /^\/api\/(?:entries|pictures|similar|fields|session|status)\b/;
const PATIENCE = 4000; // ms for the network where there is something kept

addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(keepPage().then(() => /** @type {any} */ (self).skipWaiting()));
});

addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(/** @type {any} */ (self).clients.claim());
});

addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (!pathname.startsWith("/api/")) event.respondWith(newest(request, PAGE));
  else if (SEEN.test(pathname)) event.respondWith(newest(request, DATA));
});

/** Keep the page and every file that it names: it names all that any view needs. */
async function keepPage() {
  const cache = await caches.open(PAGE);
  const text = await (await fetch("/")).text();
  const named = [...text.matchAll(/(?:href|src)="(\/[^"]+)"/g)].map(([, path]) => path ?? "/");
  await cache.addAll(["/", ...new Set(named)]);
}

/**
 * The answer of the network, or the one that was kept.
 * @param {Request} request
 * @param {string} name of the cache
 */
async function newest(request, name) {
  const cache = await caches.open(name);
  const kept = await cache.match(request);
  const asked = fetch(request).then(async (response) => {
    if (response.ok) await keep(cache, request, response.clone());
    return response;
  });
  if (!kept) return asked;
  const late = new Promise((take) => setTimeout(take, PATIENCE));
  return Promise.race([asked.catch(() => marked(kept)), late.then(() => marked(kept))]);
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
async function keep(cache, request, response) {
  await cache.put(request, response);
  const keys = await cache.keys();
  for (const old of keys.slice(0, Math.max(0, keys.length - MOST))) await cache.delete(old);
}
