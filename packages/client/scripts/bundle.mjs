/**
 * Builds the bundles in memory: rollup joins the modules, esbuild strips the types, terser minifies, and `names.mjs` shortens the
 * names, of members those that start with "$", which are private to the sources.
 */
import { decode, encode } from "@jridgewell/sourcemap-codec";
import { transform } from "esbuild";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { minify } from "terser";
import { analyse } from "./names-analysis.mjs";
import { render } from "./names-parts.mjs";
import { arrange, assign } from "./names.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
export const clientDist = resolve(root, "../../crates/server/client-dist");

/** The names that `npm run names` has found. */
export const NAMES = resolve(root, "scripts/names.json");

const { version } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
const banner = `/*! Enchufe ${version} MIT or Apache-2.0 */`;

/** Resolves "./x.js" to "./x.ts" and strips the types; with `msgpack`, that parser stands in the place of the default one. */
const typescript = (msgpack, target) => ({
  name: "typescript",
  resolveId(source, importer) {
    if (!importer || !source.startsWith(".")) return;
    if (msgpack && source == "./parser.js" && importer.endsWith("manager.ts")) source = "./msgpack/parser.js";
    return resolve(dirname(importer), source.replace(/\.js$/, ".ts"));
  },
  async transform(code, id) {
    if (!id.endsWith(".ts")) return;
    const { compilerOptions } = JSON.parse(readFileSync(resolve(root, "tsconfig.json"), "utf8"));
    const { verbatimModuleSyntax } = compilerOptions;
    const tsconfigRaw = { compilerOptions: { target, useDefineForClassFields: target > "es2021", verbatimModuleSyntax } };
    return transform(code, { loader: "ts", target, sourcemap: true, sourcefile: id, tsconfigRaw });
  },
});

/** One entry with all that it imports, as `{ code, map }`; paths in the map are relative to the package. */
async function join({ entry, format, exports = format == "iife" ? "none" : "named", outro, msgpack = false, target = "es2020", file }) {
  const build = await rollup({
    input: resolve(root, "src", entry),
    plugins: [typescript(msgpack, target)],
    external: /^(node:|ws$)/,
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  const { output } = await build.generate({
    format,
    exports,
    outro,
    banner,
    generatedCode: "es2015",
    // Classes are strict anyway.
    strict: format != "iife",
    esModule: false,
    sourcemap: true,
    sourcemapPathTransform: (path) => "enchufe-client/src/" + path.replaceAll("\\", "/").replace(/^(.*\/)?src\//, ""),
    file: resolve(root, file),
  });
  await build.close();
  const [{ code, map }] = output;
  return { code, map: map.toString() };
}

/** The same in few characters, but with the names of the sources. */
async function shorten({ code, map }, { format, target = "es2020", file }) {
  // Declarations side by side become one only if they begin with the same word, and "let" is the short one; the map needs the columns.
  return minify(code.replace(/\bconst(?= |\[|\{)/g, "let  "), {
    ecma: +target.slice(2),
    module: format == "es",
    // In a classic script, names at the top would be globals.
    toplevel: format == "es",
    // Of what is called unsafe, it only does `Error()` in the place of `new Error()` here.
    compress: { passes: 4, unsafe: true, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, hoist_props: true },
    mangle: false,
    format: { comments: /^!/ },
    sourceMap: { content: map, filename: file },
  });
}

/** The same with short names. */
function rename({ code, map }, cache) {
  const script = analyse(code);
  assign(script, cache);
  arrange(script, cache);
  const spans = [];
  const renamed = render(script, spans);
  spans.sort((a, b) => a.start - b.start);
  // The map knows places by line and column.
  const linesOf = (text) => [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  const [before, after] = [linesOf(code), linesOf(renamed)];
  const { mappings, ...rest } = JSON.parse(map);
  let next = 0;
  const lines = decode(mappings).map((line, row) =>
    line
      .map(([column, ...source]) => {
        const place = before[row] + column;
        while (next < spans.length - 1 && spans[next + 1].start <= place) next++;
        const { start, at } = spans[next];
        return [at + place - start - after[row], ...source];
      })
      .sort(([a], [b]) => a - b),
  );
  return { code: renamed, map: JSON.stringify({ ...rest, mappings: encode(lines) }) };
}

/** The bundle of one entry, as `{ code, map }`. */
export async function bundle(variant) {
  const joined = await join(variant);
  if (!variant.minified) return { code: joined.code, map: joined.map + "\n" };
  const { code, map } = rename(await shorten(joined, variant), JSON.parse(readFileSync(NAMES, "utf8")));
  return { code: `${code}\n//# sourceMappingURL=${variant.file}.map\n`, map: map + "\n" };
}

/** The bundles that are embedded in the server. */
const SERVER = [
  { file: "socket.io.js", entry: "classic.ts", format: "iife" },
  { file: "socket.io.min.js", entry: "classic.ts", format: "iife", minified: true },
  { file: "socket.io.esm.min.js", entry: "index.ts", format: "es", target: "es2022", minified: true },
  { file: "socket.io.msgpack.min.js", entry: "classic.ts", format: "iife", minified: true, msgpack: true },
];

/** Those that are in the npm package besides. The official server serves no such file, and neither does ours. */
const PACKAGE = [{ file: "socket.io.esm.msgpack.min.js", entry: "index.ts", format: "es", target: "es2022", minified: true, msgpack: true }];

async function build(variants) {
  const files = {};
  for (const variant of variants) {
    const { code, map } = await bundle(variant);
    files[variant.file] = code;
    files[variant.file + ".map"] = map;
  }
  return files;
}

/** The minified bundles before they get short names: script, module, script with msgpack, module with msgpack. */
export async function unnamedBundles() {
  const variants = [...SERVER, ...PACKAGE].filter(({ minified }) => minified);
  const results = await Promise.all(variants.map(async (variant) => shorten(await join(variant), variant)));
  return results.map(({ code }) => code);
}

/** The bundles of the server, by name. */
export const serverBundles = () => build(SERVER);

/** All bundles, by name. */
export const allBundles = () => build([...SERVER, ...PACKAGE]);
