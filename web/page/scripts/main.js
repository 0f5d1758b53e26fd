/** The page begins here: who asks, which view is shown, and what is said when the server is gone. */

import { askSession, connection, logIn, Problem, session } from "./api.js";
import { h, icon } from "./dom.js";
import { hideLogin, showLogin } from "./login.js";
import { notice } from "./notice.js";
import { begin, showAgain } from "./router.js";
import { language, words } from "./words/index.js";

document.documentElement.lang = language;

/** @type {[string, import("./dom.js").IconName, string][]} */
const PARTS = [
  ["camera", "camera", words.nav.camera],
  ["collection", "grid", words.nav.collection],
  ["add", "add", words.nav.add],
  ["more", "menu", words.nav.more],
];

document.body.prepend(
  h("a.skip", { href: "#content", onclick: skip }, words.skip),
  h(
    "nav.parts",
    { "aria-label": words.nav.label },
    PARTS.map(([part, picture, label]) => h("a", { href: `#/${part}`, "data-part": part }, icon(picture), h("span", {}, label))),
  ),
);

/** @param {Event} event */
function skip(event) {
  event.preventDefault(); // the address says which view is shown, and has no room for a place in it
  document.getElementById("content")?.focus();
}

let invited = ""; // the token of a link from `make phone`

/** Log in with the token of a link. It does not stay in the address, and is kept until the gateway has answered. */
async function logInByLink() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    history.replaceState(null, "", "#/camera");
    invited = token;
  }
  if (!invited) return;
  await logIn(invited).catch((error) => {
    if (error.status >= 400 && error.status < 500) invited = "";
    throw error;
  });
  invited = "";
}

async function start() {
  try {
    await logInByLink();
    await askSession();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401 || error.status === 429) notice(error.message);
    else if (!navigator.onLine || error.kind === "network") notice(words.problems.network);
    const away = await askSession().catch(() => true);
    if (away || invited) setTimeout(start, 2000);
  }
  if (!session.mayRead && session.state.csrf) showLogin(); // else the server has not said yet
}

session.addEventListener("change", () => {
  document.documentElement.dataset.role = session.state.role;
  if (!session.mayRead) {
    showLogin();
    return;
  }
  hideLogin();
  showAgain();
});

const REMIND = 60_000; // ms
let reminded = -REMIND;
connection.addEventListener("kept", () => {
  if (performance.now() - reminded < REMIND) return;
  reminded = performance.now();
  notice(words.offline.kept);
});

addEventListener("hashchange", () => location.hash.startsWith("#token=") && start());
start().then(begin);
navigator.serviceWorker?.register("/worker.js").catch(() => {}); // without a secure context there is none
