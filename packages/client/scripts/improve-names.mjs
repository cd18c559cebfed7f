/**
 * `npm run names`: looks for names with which the bundles compress better, and keeps them in `names.json`.
 *
 *     node scripts/improve-names.mjs [--seconds 60] [--seed 1] [--heat 1.5]
 *
 * What counts is the larger of what zlib and Node's zlib make of a bundle (see `gzip.mjs`). Two names are exchanged, wherever that needs
 * others to give way too, and the exchange stays where it makes the script and the module smaller together; at first also where it
 * costs a byte or two, so that the search does not stay in the first hollow.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { NAMES, unnamedBundles } from "./bundle.mjs";
import { gzipSize } from "./gzip.mjs";
import { analyse } from "./names-analysis.mjs";
import { render } from "./names-parts.mjs";
import { APART, LETTERS, arrange, assign } from "./names.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: "1" }, heat: { type: "string", default: "1.5" } } });

const idOf = ({ home, key }) => home + "\n" + key;

/** What is the same in several bundles has one name, and the rivals of all. */
function unite(scripts) {
  const all = new Map();
  const free = new Set(scripts.flatMap((script) => [...script.free]));
  for (const { names } of scripts) for (const name of names) if (!all.has(idOf(name))) all.set(idOf(name), { ...name, rivals: new Set() });
  const replace = (parts) => {
    for (const part of parts) {
      if (part.name) part.name = all.get(idOf(part.name));
      if (part.as?.home) part.as = all.get(idOf(part.as));
      for (const { parts } of part.group?.items ?? []) replace(parts);
    }
  };
  for (const { names, parts } of scripts) {
    for (const name of names) for (const rival of name.rivals) all.get(idOf(name)).rivals.add(all.get(idOf(rival)));
    replace(parts);
  }
  return { names: [...all.values()], free };
}

/** Looks for better names, and for a better order, of what is `movable`; every bundle in `scripts` counts. */
function improve(scripts, united, movable, seconds, random) {
  const sizeOf = (script) => gzipSize(render(script));
  const pick = (list) => list[Math.floor(random() * list.length)];
  const letters = [...LETTERS];
  const locals = letters.slice(0, 14);
  const mates = new Map();
  for (const name of united.names) mates.set(name, united.names.filter(({ home }) => home == name.home));
  const homes = [...new Set(scripts.flatMap(({ groups }) => groups.map(({ home, items }) => items.map(() => home)).flat()))];
  const weights = scripts.flatMap(({ groups }) => groups).flatMap(({ home, items }) => items.map(() => home));

  /** Exchanges two names, and gives the way back. */
  function exchange() {
    const name = pick(movable);
    const kind = random();
    const wanted = kind < 0.4 ? pick(locals) : kind < 0.7 ? pick(mates.get(name)).name : pick(letters);
    const old = name.name;
    if (wanted == old || united.free.has(wanted)) return;
    // Whoever has the one of the two names gets the other, as far as they are rivals.
    const chain = new Set([name]);
    for (const { name: mine, rivals } of chain) {
      for (const rival of rivals) if (rival.name != mine && (rival.name == old || rival.name == wanted)) chain.add(rival);
    }
    if (chain.size > 80) return;
    // Not every member may have every name.
    for (const { name: mine, apart } of chain) if (apart && !APART.test(mine == old ? wanted : old)) return;
    const swap = () => {
      for (const one of chain) one.name = one.name == old ? wanted : old;
    };
    swap();
    return swap;
  }
  /** Moves a few neighbours of a group elsewhere in it, in every bundle, and gives the way back. */
  function move() {
    const home = pick(weights) ?? pick(homes);
    const groups = scripts.flatMap(({ groups }) => groups.filter((group) => group.home == home));
    const before = groups.map(({ items }) => [...items]);
    const keys = groups[0].items.map(({ key }) => key);
    const taken = keys.splice(Math.floor(random() * keys.length), 1 + Math.floor(random() ** 2 * 4));
    keys.splice(Math.floor(random() * (keys.length + 1)), 0, ...taken);
    for (const { items } of groups) items.sort((a, b) => keys.indexOf(a.key) - keys.indexOf(b.key));
    return () => groups.forEach((group, i) => group.items.splice(0, Infinity, ...before[i]));
  }

  let sizes = scripts.map(sizeOf);
  const total = () => sizes.reduce((sum, size) => sum + size, 0);
  let best = total();
  const state = () => ({ names: united.names.map(({ name }) => name), orders: scripts.map(({ groups }) => groups.map(({ items }) => [...items])) });
  let bestState = state();
  const from = Date.now();
  let tries = 0;
  for (let share = 0; share < 1; tries++) {
    share = (Date.now() - from) / (seconds * 1000);
    const heat = values.heat * Math.max(0, 1 - share * 1.25) ** 2;
    const undo = random() < 0.3 && weights.length ? move() : exchange();
    if (!undo) continue;
    // How much more the bundles may take this time. What the first one takes too much, the others hardly make up for.
    const allowed = total() - heat * Math.log(random());
    const now = [sizeOf(scripts[0])];
    if (now[0] > sizes[0] + 2 + allowed - total()) {
      undo();
      continue;
    }
    for (const script of scripts.slice(1)) now.push(sizeOf(script));
    const sum = now.reduce((sum, size) => sum + size, 0);
    if (sum > allowed) {
      undo();
      continue;
    }
    sizes = now;
    if (sum < best) {
      best = sum;
      bestState = state();
    }
  }
  united.names.forEach((name, i) => (name.name = bestState.names[i]));
  scripts.forEach(({ groups }, i) => groups.forEach((group, j) => group.items.splice(0, Infinity, ...bestState.orders[i][j])));
  console.log(tries, "tries,", best, "bytes");
}

let state = +values.seed;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const scripts = (await unnamedBundles()).map(analyse);
const united = unite(scripts);
const cache = JSON.parse(readFileSync(NAMES, "utf8"));
assign(united, cache);
for (const script of scripts) arrange(script, cache);
const main = scripts.slice(0, 2);
const inMain = new Set(main.flatMap(({ names }) => names.map(idOf)));
const short = united.names.filter(({ name }) => name.length == 1);
improve(main, united, short.filter((name) => inMain.has(idOf(name))), +values.seconds, random);

const found = { names: {}, order: {} };
for (const { home, key, name } of united.names) (found.names[home] ??= {})[key] = name;
for (const { groups } of scripts.toReversed()) for (const { home, items } of groups) found.order[home] = items.map(({ key }) => key);
const lines = (object) => Object.entries(object).map(([home, value]) => JSON.stringify(home) + ": " + JSON.stringify(value)).join(",\n");
writeFileSync(NAMES, `{ "names": {\n${lines(found.names)}\n}, "order": {\n${lines(found.order)}\n} }\n`);
