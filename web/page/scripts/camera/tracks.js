/** Coins followed from frame to frame: outlines that do not tremble, and names that stay until frames agree on others. */

import { apart, between, outlineOf } from "./ellipse.js";

/** @typedef {import("../answers").Match} Match */
/** @typedef {import("./ellipse.js").Outline} Outline */
/** @typedef {{ellipse: import("../answers").Ellipse, known: boolean, matches: Match[]}} Seen a coin of one frame */

const SAME = 0.6; // radii, up to which a coin of the next frame is the same coin
const JUMP = 0.25; // radii from which an outline follows at once
const CALM = 0.35; // share by which it follows a smaller move
const AGREE = 2; // frames that must agree on a name
const FORGET = 3; // frames that must lack it
const LOST = 3; // frames in which a coin may be missed

/** One coin. */
export class Track {
  /** @type {Outline} */
  outline;
  missed = 0;
  /** @type {Match | null} the name that is shown */
  locked = null;
  score = 0; // of the locked name, averaged over frames
  unknown = false; // frames agree that the catalog lacks it
  #name = "";
  #streak = 0;
  #without = 0;

  /** @param {Seen} seen */
  constructor(seen) {
    this.outline = outlineOf(seen.ellipse);
    this.#hear(seen);
  }

  /** @param {Seen} seen of the next frame */
  follow(seen) {
    const next = outlineOf(seen.ellipse);
    this.missed = 0;
    this.outline = between(this.outline, next, apart(this.outline, next) > JUMP ? 1 : CALM);
    this.#hear(seen);
  }

  /** @param {Seen} seen */
  #hear({ known, matches }) {
    const best = known ? (matches[0] ?? null) : null;
    const name = best?.entry.id ?? "";
    this.#streak = name === this.#name ? this.#streak + 1 : 1;
    this.#name = name;
    if (best && best.entry.id === this.locked?.entry.id) {
      this.#without = 0;
      this.score += 0.3 * (best.score - this.score);
      this.locked = best;
    } else {
      this.#without += 1;
      if (best && this.#streak >= AGREE) this.#lock(best);
      else if (this.#without >= FORGET) this.#lock(null);
    }
  }

  /** @param {Match | null} match */
  #lock(match) {
    this.locked = match;
    this.score = match?.score ?? 0;
    this.unknown = match === null;
    this.#without = 0;
  }
}

/** All coins in view. */
export class Tracks {
  /** @type {Track[]} */
  all = [];

  /** @param {Seen[]} seen the coins of a frame */
  take(seen) {
    const left = new Set(seen);
    for (const track of this.all) {
      const nearest = nearestOf(track, left);
      if (nearest) left.delete(nearest), track.follow(nearest);
      else track.missed += 1;
    }
    this.all = [...this.all.filter((track) => track.missed < LOST), ...[...left].map((one) => new Track(one))];
  }
}

/**
 * @param {Track} track
 * @param {Set<Seen>} seen
 */
function nearestOf(track, seen) {
  let [nearest, least] = [/** @type {Seen | null} */ (null), SAME];
  for (const one of seen) {
    const distance = apart(track.outline, outlineOf(one.ellipse));
    if (distance < least) [nearest, least] = [one, distance];
  }
  return nearest;
}
