/**
 * Gives the local names of a minified script, and the members that start with "$", names of one letter; and puts the methods and
 * fields of its classes, what is taken out of an object, and what is put into one, in another order.
 *
 * Which letter is whose, and what stands beside what, decides how well the script compresses: `names.json` says it, as
 * `npm run names` has found it by search. A name that is not in there, or that would stand in another's way, gets the first one
 * that is free, and what has no place in there keeps its own: the build never needs the file to be new, it is only smaller with it.
 *
 * `names-analysis.mjs` finds what can have another name or another place, `names-parts.mjs` writes the script with it.
 */

// In the order in which names are given where nothing else is known: locals at the front, the top level at the back.
export const LETTERS = "tseinorhacludpfgmbywkvxTSEOARNCIDLPMBUFHGWVKYXjzqJQZ$_";
export const CANDIDATES = [...LETTERS, ...[..."tseinorhac"].flatMap((a) => [..."tseinorhac0123456789"].map((b) => a + b))];
// Members of what applications keep things of their own on, `socket.x` for example: no name that one would think of.
export const APART = /^[A-Z$_]$/;
export const TAKEN = new Set(["as", "do", "if", "in", "is", "of", "on", "io", "id", "ws", "fn"]);

/** Gives every name a new one, from `cache.names` (by home and key) where that can be. */
export function assign({ names, free }, cache) {
  for (const name of names) name.name = undefined;
  const fits = (name, text) => !free.has(text) && (!name.apart || APART.test(text)) && ![...name.rivals].some((rival) => rival.name == text);
  for (const name of names) {
    const wanted = cache.names[name.home]?.[name.key];
    if (wanted && fits(name, wanted)) name.name = wanted;
  }
  // Those of the top level last: they stand in the way of most others.
  const order = [...names].sort((a, b) => (a.home == "") - (b.home == ""));
  for (const name of order) name.name ??= CANDIDATES.find((text) => !TAKEN.has(text) && fits(name, text));
}

/** Puts the items of every group in the order of `cache.order`; those that are not in there come last. */
export function arrange({ groups }, cache) {
  for (const { home, items } of groups) {
    const order = cache.order[home] ?? [];
    const place = ({ key }) => (order.indexOf(key) + 1 || order.length + 1);
    items.sort((a, b) => place(a) - place(b));
  }
}
