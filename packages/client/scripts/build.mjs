/** `npm run build`: the bundles that the server embeds, and `dist/` for npm. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { allBundles, bundle, clientDist, root, serverBundles } from "./bundle.mjs";

mkdirSync(clientDist, { recursive: true });
for (const [name, content] of Object.entries(await serverBundles())) {
  const file = resolve(clientDist, name);
  // One that is written anew has cargo compile the server anew.
  if (!existsSync(file) || readFileSync(file, "utf8") != content) writeFileSync(file, content);
}

const dist = resolve(root, "dist");
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const [name, content] of Object.entries(await allBundles())) writeFileSync(resolve(dist, name), content);

for (const format of ["es", "cjs"]) {
  const dir = resolve(dist, format == "es" ? "esm" : "cjs");
  mkdirSync(dir, { recursive: true });
  writeFileSync(resolve(dir, "package.json"), JSON.stringify({ type: format == "es" ? "module" : "commonjs" }) + "\n");
  for (const name of ["index", "node", "msgpack"]) {
    const { code, map } = await bundle({
      entry: name + ".ts",
      format,
      file: name + ".js",
      exports: "named",
      // `require("@enchufe/client")` is `io` itself, with everything else hanging on it.
      outro: format == "cjs" && name != "msgpack" ? "module.exports = Object.assign(lookup, exports);" : undefined,
    });
    writeFileSync(resolve(dir, name + ".js"), code);
    writeFileSync(resolve(dir, name + ".js.map"), map);
  }
}
const tsc = resolve(root, "node_modules/.bin/tsc");
execFileSync(tsc, ["-p", "tsconfig.json", "--declaration", "--emitDeclarationOnly", "--stripInternal", "--outDir", "dist/esm"], {
  cwd: root,
  stdio: "inherit",
});
rmSync(resolve(dist, "esm/classic.d.ts"));
for (const name of readdirSync(resolve(dist, "esm"), { recursive: true })) {
  if (name.endsWith(".d.ts")) cpSync(resolve(dist, "esm", name), resolve(dist, "cjs", name));
}
