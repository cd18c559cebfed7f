/**
 * Builds the bundles in memory: rollup joins the modules, esbuild strips the types, terser minifies. Names that start with
 * "$" are private to the sources and are shortened.
 */
import { transform } from "esbuild";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { minify } from "terser";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
export const clientDist = resolve(root, "../../crates/server/client-dist");

const { version } = JSON.parse(readFileSync(resolve(root, "package.json"), "utf8"));
const banner = `/*! Enchufe ${version}, MIT or Apache-2.0 */`;

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

/** The bundle of one entry, as `{ code, map }`; paths in the map are relative to the package. */
export async function bundle({ entry, format, exports = "auto", outro, minified = false, msgpack = false, target = "es2020", file }) {
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
    esModule: false,
    sourcemap: true,
    sourcemapPathTransform: (path) => "enchufe-client/src/" + path.replaceAll("\\", "/").replace(/^(.*\/)?src\//, ""),
    file: resolve(root, file),
  });
  await build.close();
  let { code, map } = output[0];
  if (!minified) return { code, map: map.toString() + "\n" };
  ({ code, map } = await minify(code, {
    ecma: +target.slice(2),
    module: format == "es",
    // In a classic script, names at the top would be globals.
    toplevel: format == "es",
    compress: { passes: 4, unsafe_arrows: true, unsafe_methods: true, pure_getters: true, keep_fargs: false, hoist_props: true },
    mangle: { properties: { regex: /^\$./ } },
    format: { comments: /^!/ },
    sourceMap: { content: map.toString(), filename: file, url: file + ".map" },
  }));
  return { code: code + "\n", map: map + "\n" };
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
    const { code, map } = await bundle({ exports: variant.format == "iife" ? "none" : "named", ...variant });
    files[variant.file] = code;
    files[variant.file + ".map"] = map;
  }
  return files;
}

/** The bundles of the server, by name. */
export const serverBundles = () => build(SERVER);

/** All bundles, by name. */
export const allBundles = () => build([...SERVER, ...PACKAGE]);
