/** Entries of the catalog, for people. */

/**
 * What a coin is, in one line.
 * @param {import("./answers").Entry} entry
 */
export function factsOf(entry) {
  const value = `${entry.denomination} ${entry.currency}`;
  return [entry.country, value, entry.year, entry.mint_mark].filter((one) => one !== null && one !== "").join(" · ");
}
