/**
 * Bundles the tests and runs them with Node's own runner.
 *
 *     node scripts/test.mjs unit
 *     node scripts/test.mjs server [URL] [--start "COMMAND with {port}"] [--client node|min|esm] [--without recovery]
 *
 * The server suite speaks the `app` profile of the testbed. With a URL it runs what a server that stays up can show; with
 * `--start` (default: the official server) it starts servers itself and also kills and restarts them. `--client` chooses what
 * is tested: the Node build, or one of the minified bundles that the server embeds. `--without recovery` leaves out what a
 * server that cannot recover connections would fail.
 */
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { clientDist, root } from "./bundle.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    start: { type: "string" },
    client: { type: "string", default: "node" },
    only: { type: "string" },
    without: { type: "string", default: "" },
  },
});
const [suite, url] = positionals;
const source = resolve(root, "test", suite);
const target = resolve(root, ".build", suite);
rmSync(target, { recursive: true, force: true });

const client = {
  node: resolve(root, "test/server/node-build.ts"),
  min: resolve(root, "test/server/min-bundle.ts"),
  esm: resolve(root, "test/server/esm-bundle.ts"),
}[values.client];

await build({
  entryPoints: readdirSync(source)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => resolve(source, name)),
  outdir: target,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  sourcemap: "inline",
  // The applications of `test/server/apps` say the official name.
  alias: { "#client": client, "socket.io-client": client },
  external: ["ws", "socket.io", "react", "react-test-renderer", "vue"],
  define: { CLIENT_DIST: JSON.stringify(clientDist), PACKAGE_ROOT: JSON.stringify(root) },
  logLevel: "warning",
});

const files = readdirSync(target)
  .filter((name) => name.endsWith(".mjs") && (!values.only || name.includes(values.only)))
  .map((name) => resolve(target, name));
const { status } = spawnSync(
  process.execPath,
  ["--enable-source-maps", "--test", "--test-concurrency=2", ...files],
  {
    stdio: "inherit",
    // A test that leaves something open keeps its process alive.
    timeout: suite == "unit" ? 60_000 : 600_000,
    env: {
      ...process.env,
      ...(url && { SERVER_URL: url }),
      SERVER_WITHOUT: values.without,
      SERVER_START: values.start ?? (url ? "" : `node ${resolve(root, "test/official-server.mjs")} --port {port}`),
    },
  },
);
process.exit(status ?? 1);
