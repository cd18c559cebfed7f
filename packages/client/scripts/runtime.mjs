/**
 * `npm run test:runtime -- PROGRAM...`: runs the suite of `test/server` in another JavaScript runtime, as an application there has
 * it: with the package that `npm run build` makes, found by its name.
 *
 *     node scripts/runtime.mjs PROGRAM... [--start "COMMAND with {port}"] [--only NAME] [--without-ws]
 *
 * A program is `deno`, `bun` or any Node, by name or by path. `npx -y -p deno -p bun npm run test:runtime -- deno bun` brings two
 * along. With `--without-ws` the package `ws` is not there to be found, and the `WebSocket` has to be the runtime's own.
 */
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, resolve } from "node:path";
import { parseArgs } from "node:util";
import { root } from "./bundle.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    start: { type: "string", default: `${process.execPath} ${resolve(root, "test/official-server.mjs")} --port {port}` },
    only: { type: "string", default: "" },
    "without-ws": { type: "boolean", default: false },
  },
});
if (!positionals.length) throw new Error("which runtime? deno, bun, or a node");

const SUITE = ["connection", "events", "namespaces", "node", "proxy", "restart", "volume"].filter((name) => name.includes(values.only));
const STAND_INS = { "node:test": "node-test", "node:assert/strict": "assert" };
// All of them take the build for Node.
const CLIENT = `export { io, Manager, Socket } from "@enchufe/client"; export const isNodeBuild = true;`;
const MARK = "the results: ";

const folder = mkdtempSync(resolve(tmpdir(), "enchufe-client-"));
const installed = resolve(folder, "node_modules/@enchufe/client");
mkdirSync(installed, { recursive: true });
for (const name of ["package.json", "dist", "msgpack"]) cpSync(resolve(root, name), resolve(installed, name), { recursive: true });
if (!values["without-ws"]) symlinkSync(resolve(root, "node_modules/ws"), resolve(folder, "node_modules/ws"), "dir");
writeFileSync(resolve(folder, "package.json"), JSON.stringify({ type: "module" }));

await build({
  entryPoints: SUITE.map((name) => resolve(root, `test/server/${name}.test.ts`)),
  outdir: folder,
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  external: ["@enchufe/client"],
  footer: { js: `console.log(${JSON.stringify(MARK)} + JSON.stringify(await runTests())); process.exit(0);` },
  plugins: [
    {
      name: "stand-ins",
      setup({ onResolve, onLoad }) {
        onResolve({ filter: /^node:/ }, ({ path }) => STAND_INS[path] && { path: resolve(root, `test/browser/${STAND_INS[path]}.ts`) });
        onResolve({ filter: /^#client$/ }, ({ path }) => ({ path, namespace: "package" }));
        onLoad({ filter: /^#client$/, namespace: "package" }, () => ({ contents: CLIENT, resolveDir: folder }));
      },
    },
  ],
});

let failed = 0;
for (const program of positionals) {
  const deno = basename(program).startsWith("deno");
  const { stdout: version } = spawnSync(program, ["--version"], { encoding: "utf8" });
  if (!version) throw new Error("no such program: " + program);
  const runtime = basename(program) + " " + /\d+\.\S+/.exec(version)[0];
  for (const name of SUITE) {
    const file = resolve(folder, name + ".test.js");
    const { status, stdout, stderr } = spawnSync(program, [...(deno ? ["run", "-A", "--cached-only"] : []), file], {
      encoding: "utf8",
      cwd: folder,
      timeout: 300_000,
      env: { ...process.env, SERVER_START: values.start },
    });
    const results = stdout.split("\n").find((line) => line.startsWith(MARK));
    if (!results) {
      failed++;
      console.log(`not ok - ${runtime}: ${name} ended with ${status}\n${stdout}\n${stderr}`);
      continue;
    }
    for (const { name: test, error, ms } of JSON.parse(results.slice(MARK.length))) {
      if (error) failed++;
      console.log(`${error ? "not ok" : "ok"} - ${runtime}: ${test} (${ms} ms)${error ? "\n  " + error.replaceAll("\n", "\n  ") : ""}`);
    }
  }
}
rmSync(folder, { recursive: true, force: true });
console.log(failed ? failed + " failed" : "all passed");
process.exitCode = failed ? 1 : 0;
