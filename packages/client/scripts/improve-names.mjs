/**
 * `npm run names`: looks for names with which the bundles compress better, and keeps them in `names.json`.
 *
 *     node scripts/improve-names.mjs [--seconds 60] [--seed 1] [--heat 1.5]
 *
 * Two names are exchanged, wherever that needs others to give way too, and the exchange stays where it makes the script and the
 * module smaller together; at first also where it costs a byte or two, so that the search does not stay in the first hollow.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";
import { NAMES, unnamedBundles } from "./bundle.mjs";
import { CANDIDATES, LETTERS, TAKEN, analyse, assign, render } from "./names.mjs";

const { values } = parseArgs({ options: { seconds: { type: "string", default: "60" }, seed: { type: "string", default: "1" }, heat: { type: "string", default: "1.5" } } });

/** What is the same in several bundles has one name, and the rivals of all. */
function unite(scripts) {
  const all = new Map();
  const free = new Set(scripts.flatMap((script) => [...script.free]));
  const idOf = ({ home, key }) => home + "\n" + key;
  for (const { names } of scripts) for (const name of names) if (!all.has(idOf(name))) all.set(idOf(name), { ...name, rivals: new Set() });
  for (const { names, pieces } of scripts) {
    for (const name of names) for (const rival of name.rivals) all.get(idOf(name)).rivals.add(all.get(idOf(rival)));
    for (const piece of pieces) {
      piece.name = all.get(idOf(piece.name));
      if (piece.as?.home) piece.as = all.get(idOf(piece.as));
    }
  }
  return { names: [...all.values()], free };
}

function improve(scripts, united, movable, seconds, random) {
  const size = () => scripts.reduce((sum, script) => sum + gzipSync(render(script), { level: 9 }).length, 0);
  const pick = (list) => list[Math.floor(random() * list.length)];
  const letters = [...LETTERS];
  const locals = letters.slice(0, 14);
  const mates = new Map();
  for (const name of united.names) mates.set(name, united.names.filter(({ home }) => home == name.home));
  let current = size();
  let best = current;
  let bestNames = united.names.map(({ name }) => name);
  const from = Date.now();
  let tries = 0;
  for (let share = 0; share < 1; tries++) {
    share = (Date.now() - from) / (seconds * 1000);
    const heat = values.heat * Math.max(0, 1 - share * 1.25) ** 2;
    const name = pick(movable);
    const kind = random();
    const wanted = kind < 0.4 ? pick(locals) : kind < 0.7 ? pick(mates.get(name)).name : pick(letters);
    const old = name.name;
    if (wanted == old || united.free.has(wanted)) continue;
    // Whoever has the one of the two names gets the other, as far as they are rivals.
    const chain = new Set([name]);
    for (const { name: mine, rivals } of chain) for (const rival of rivals) if (rival.name != mine && (rival.name == old || rival.name == wanted)) chain.add(rival);
    if (chain.size > 80) continue;
    const swap = () => {
      for (const one of chain) one.name = one.name == old ? wanted : old;
    };
    swap();
    const now = size();
    if (now <= current || random() < Math.exp((current - now) / heat)) {
      current = now;
      if (now < best) {
        best = now;
        bestNames = united.names.map(({ name }) => name);
      }
    } else swap();
  }
  united.names.forEach((name, i) => (name.name = bestNames[i]));
  console.log(tries, "tries,", best, "bytes");
}

let state = +values.seed;
const random = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
};

const codes = await unnamedBundles();
const scripts = Object.values(codes).map(analyse);
const united = unite(scripts);
assign(united, JSON.parse(readFileSync(NAMES, "utf8")));
const main = scripts.slice(0, 2);
const inMain = new Set(main.flatMap(({ pieces }) => pieces.map(({ name }) => name)));
const short = united.names.filter(({ name }) => name.length == 1);
improve(main, united, short.filter((name) => inMain.has(name)), +values.seconds, random);
const others = short.filter((name) => !inMain.has(name));
if (others.length) improve(scripts.slice(2), united, others, values.seconds / 8, random);

const cache = {};
for (const { home, key, name } of united.names) (cache[home] ??= {})[key] = name;
const lines = Object.entries(cache).map(([home, names]) => JSON.stringify(home) + ": " + JSON.stringify(names));
writeFileSync(NAMES, "{\n" + lines.join(",\n") + "\n}\n");
