/**
 * `npm run test:runtime`: runs the suite of `test/server` in other JavaScript runtimes, as an application there has it: with the
 * package that `npm run build` makes, found by its name.
 *
 *     node scripts/runtime.mjs [PROGRAM...] [--start "COMMAND with {port}"] [--only NAME] [--without-ws] [--at-once N]
 *
 * Without programs it takes those that `npm ci` puts into `test/runtimes`: Node 18 and 20 with the package `ws`, and without it for
 * what one can do then; Node 22, Deno and Bun without it, so that the `WebSocket` has to be their own, and with it for what `ws` may
 * change. A program is `deno`, `bun` or any
 * Node, by name or by path. `--at-once` is how many files of tests run at a time; most of their time they wait.
 */
import { build } from "esbuild";
import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
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
    "at-once": { type: "string", default: "6" },
  },
});

// Those that take longest come first.
const SUITE = ["restart", "volume", "proxy", "connection", "events", "namespaces", "node"];
/** What `ws` may change, where there is a `WebSocket` besides. */
const OF_WS = ["node", "events"];
/** What there is without `ws` where there is no `WebSocket`. */
const WITHOUT_WEBSOCKET = ["without-websocket"];
const STAND_INS = { "node:test": "node-test", "node:assert/strict": "assert" };
// All of them take the build for Node.
const CLIENT = `export { io, Manager, Socket, Transport } from "@enchufe/client"; export const isNodeBuild = true;`;
const MARK = "the results: ";
/** Each file may take so many milliseconds; a test gives up far earlier. */
const LIMIT = 120_000;

const installed = (path) => resolve(root, "test/runtimes/node_modules", path);
const own = { deno: installed("deno/deno"), bun: installed("bun/bin/bun") };
const node = (version) => installed(`node-${version}/bin/node`);

/** Which files run where: `[program, with ws, files]`. */
const runs = positionals.length
  ? positionals.map((program) => [program, !values["without-ws"], SUITE])
  : [
      [node(18), true, SUITE],
      [node(20), true, SUITE],
      [node(22), false, SUITE],
      [own.deno, false, SUITE],
      [own.bun, false, SUITE],
      [node(18), false, WITHOUT_WEBSOCKET],
      [node(20), false, WITHOUT_WEBSOCKET],
      [node(22), true, OF_WS],
      [own.deno, true, OF_WS],
      [own.bun, true, OF_WS],
    ];

const isDeno = (program) => basename(program).startsWith("deno");

/** The name and version of a program, which must be there. */
function nameOf(program) {
  if (program.startsWith(installed("")) && !existsSync(program)) {
    throw new Error(`${program} is missing: \`npm ci\` in ${resolve(root, "test/runtimes")} installs it on Linux for x64; elsewhere name the programs`);
  }
  const { stdout, error } = spawnSync(program, ["--version"], { encoding: "utf8" });
  const version = /\d+\.\S+/.exec(stdout ?? "");
  if (!version) throw new Error(`${program} does not start: ${error ?? stdout}`);
  return `${basename(program)} ${version[0]}`;
}

/** A folder with the package installed in it, and the tests. */
async function prepare(folder, withWs) {
  const home = resolve(folder, "node_modules/@enchufe/client");
  mkdirSync(home, { recursive: true });
  for (const name of ["package.json", "dist", "msgpack"]) cpSync(resolve(root, name), resolve(home, name), { recursive: true });
  if (withWs) symlinkSync(resolve(root, "node_modules/ws"), resolve(folder, "node_modules/ws"), "dir");
  writeFileSync(resolve(folder, "package.json"), JSON.stringify({ type: "module" }));
  await build({
    entryPoints: [...SUITE.map((name) => `server/${name}`), ...WITHOUT_WEBSOCKET.map((name) => `runtimes/${name}`)].map((name) =>
      resolve(root, `test/${name}.test.ts`),
    ),
    entryNames: "[name]",
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    external: ["@enchufe/client"],
    define: { PACKAGE_ROOT: JSON.stringify(root) },
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
}

/** Runs one file of tests and answers `{ where, name, results }`, or with the `output` where there are none. */
function runFile({ program, where, folder, name }) {
  const args = [...(isDeno(program) ? ["run", "-A", "--cached-only"] : []), resolve(folder, name + ".test.js")];
  const options = { encoding: "utf8", cwd: folder, timeout: LIMIT, maxBuffer: 1 << 26, env: { ...process.env, SERVER_START: values.start } };
  return new Promise((done) =>
    execFile(program, args, options, (error, stdout, stderr) => {
      const line = stdout.split("\n").find((line) => line.startsWith(MARK));
      const results = line && JSON.parse(line.slice(MARK.length));
      done({ where, name, results, output: `${error?.killed ? `not within ${LIMIT} ms` : (error ?? "")}\n${stdout}\n${stderr}` });
    }),
  );
}

const folder = mkdtempSync(resolve(tmpdir(), "enchufe-client-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
const files = [];
const names = new Map(runs.map(([program]) => [program, nameOf(program)]));
for (const withWs of new Set(runs.map(([, withWs]) => withWs))) await prepare(resolve(folder, withWs ? "ws" : "alone"), withWs);
for (const [program, withWs, suite] of runs) {
  const where = names.get(program) + (withWs ? " with ws" : "");
  for (const name of suite) {
    if (name.includes(values.only)) files.push({ program, where, folder: resolve(folder, withWs ? "ws" : "alone"), name });
  }
}
// The long ones of all programs before the short ones.
files.sort((a, b) => SUITE.indexOf(a.name) - SUITE.indexOf(b.name));

let passed = 0;
let failed = 0;
function report({ where, name, results, output }) {
  if (!results?.length) {
    failed++;
    console.log(`not ok - ${where}: ${name} has no results\n  ${output.replaceAll("\n", "\n  ")}`);
    return;
  }
  for (const { name: test, error, ms } of results) {
    if (error) failed++;
    else passed++;
    console.log(`${error ? "not ok" : "ok"} - ${where}: ${test} (${ms} ms)${error ? "\n  " + error.replaceAll("\n", "\n  ") : ""}`);
  }
}

async function worker() {
  for (let file; (file = files.shift()); ) report(await runFile(file));
}
await Promise.all(Array.from({ length: Math.max(1, Number(values["at-once"]) || 1) }, worker));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
