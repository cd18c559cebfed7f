/**
 * Runs the suite of `test/server` in a real browser: in a page, in a worker and in a service worker.
 *
 *     node scripts/browser.mjs [--browser chromium|firefox] [--start "COMMAND with {port}"] [--client min|esm] [--only NAME] [--without recovery]
 *
 * The pages come from another origin than the servers, which therefore have to allow it (`--cors *`). CHROMIUM and
 * FIREFOX name the programs, /usr/bin/chromium and /usr/bin/firefox-esr unless told; Firefox is driven by WebDriver BiDi.
 */
import { build } from "esbuild";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { chromium, firefox } from "playwright-core";
import { clientDist, root } from "./bundle.mjs";

const { values } = parseArgs({
  options: {
    browser: { type: "string", default: "chromium" },
    start: { type: "string", default: `node ${resolve(root, "test/official-server.mjs")} --port {port}` },
    client: { type: "string", default: "min" },
    only: { type: "string", default: "" },
    without: { type: "string", default: "" },
  },
});
process.env.SERVER_START = values.start;

const SUITE = ["connection", "events", "namespaces", "volume", "restart", "msgpack"].map((name) => `test/server/${name}.test.ts`);
const WORKER = "test/browser/worker.test.ts";
const BUNDLE = { min: "socket.io.min.js", esm: "socket.io.esm.min.js" }[values.client];
if (!BUNDLE) throw new Error("no such client: " + values.client);

/** What stands in the place of Node's modules and of ours that need a process. */
const STAND_INS = { "node:test": "node-test", "node:assert/strict": "assert", "./servers.js": "servers", "#client": "client" };

async function compile(entry, { platform = "browser", standIns = STAND_INS } = {}) {
  const { outputFiles } = await build({
    entryPoints: [resolve(root, entry)],
    write: false,
    bundle: true,
    platform,
    format: platform == "node" ? "esm" : "iife",
    target: "es2022",
    define: platform == "node" ? {} : { "process.env.SERVER_WITHOUT": JSON.stringify(values.without) },
    plugins: [
      {
        name: "stand-ins",
        setup({ onResolve }) {
          onResolve({ filter: /^(node:|\.\/servers|#client)/ }, ({ path }) =>
            standIns[path] ? { path: resolve(root, `test/browser/${standIns[path]}.ts`) } : undefined,
          );
        },
      },
    ],
  });
  return outputFiles[0].text;
}

// The same way to start servers as in Node.
const code = await compile("test/server/servers.ts", { platform: "node", standIns: {} });
const { start, freePort } = await import("data:text/javascript," + encodeURIComponent(code));
const servers = [];
const control = {
  freePort,
  start: async (flags, port) => {
    const server = await start(flags, port);
    return { id: servers.push(server) - 1, url: server.url, port: server.port };
  },
};
for (const what of ["kill", "stop", "freeze", "thaw"]) control[what] = (id) => servers[id][what]();

const files = { "/": ["text/html", "<!doctype html><meta charset=utf-8><title>tests</title>"] };
const script = (text) => ["text/javascript", text];
for (const name of ["socket.io.min.js", "socket.io.esm.min.js"]) files["/" + name] = script(readFileSync(resolve(clientDist, name), "utf8"));
for (const entry of [...SUITE, WORKER]) files["/" + entry] = script(await compile(entry));
files["/worker.js"] = script(`importScripts("/socket.io.min.js", "/${WORKER}");
  onmessage = async ({ data, ports }) => (ports[0] || self).postMessage(await runTests());`);

const http = createServer(async (req, res) => {
  try {
    if (req.url == "/control") {
      let body = "";
      for await (const chunk of req) body += chunk;
      const [what, ...args] = JSON.parse(body);
      res.end(JSON.stringify((await control[what](...args)) ?? null));
      return;
    }
    const [type, text] = files[req.url.split("?")[0]] || [];
    if (text === undefined) res.writeHead(404).end();
    else res.writeHead(200, { "content-type": type }).end(text);
  } catch (err) {
    res.writeHead(500).end(String(err?.stack ?? err));
  }
});
await new Promise((done) => http.listen(0, "127.0.0.1", done));
const origin = "http://127.0.0.1:" + http.address().port;

const launch = {
  chromium: () =>
    chromium.launch({
      executablePath: process.env.CHROMIUM || "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
    }),
  firefox: () => firefox.launch({ channel: "moz-firefox", executablePath: process.env.FIREFOX || "/usr/bin/firefox-esr" }),
}[values.browser];
if (!launch) throw new Error("no such browser: " + values.browser);
const browser = await launch();
console.log(values.browser, browser.version());
let failed = 0;
let passed = 0;
function report(where, results) {
  for (const { name, error, ms } of results) {
    if (error) failed++;
    else passed++;
    console.log(`${error ? "not ok" : "ok"} - ${where}: ${name} (${ms} ms)${error ? "\n  " + error.replaceAll("\n", "\n  ") : ""}`);
  }
}
const wanted = (name) => name.includes(values.only);

try {
  for (const entry of SUITE.filter(wanted)) {
    const page = await browser.newPage();
    await page.goto(origin + "/");
    // Not playwright's `pageerror`: Firefox counts what the console says of the network too.
    await page.evaluate(() => {
      window.uncaught = [];
      const note = (err) => uncaught.push({ name: "an error that nobody caught", error: String(err?.stack ?? err), ms: 0 });
      addEventListener("error", ({ error, message }) => note(error ?? message));
      addEventListener("unhandledrejection", ({ reason }) => note(reason));
    });
    if (values.client == "esm") await page.evaluate(async (url) => (window.io = (await import(url)).io), "/" + BUNDLE);
    else await page.addScriptTag({ url: "/" + BUNDLE });
    await page.addScriptTag({ url: "/" + entry });
    report(entry, await page.evaluate(async () => [...(await runTests()), ...uncaught]));
    await page.close();
  }
  if (wanted(WORKER)) {
    const page = await browser.newPage();
    await page.goto(origin + "/");
    const inWorker = () =>
      new Promise((done, fail) => {
        const worker = new Worker("/worker.js");
        worker.onerror = (event) => fail(new Error(event.message));
        worker.onmessage = ({ data }) => done(data);
        worker.postMessage("run");
      });
    report("worker", await page.evaluate(inWorker));
    const inServiceWorker = async () => {
      const registration = await navigator.serviceWorker.register("/worker.js");
      await navigator.serviceWorker.ready;
      const { port1, port2 } = new MessageChannel();
      return new Promise((done) => {
        port1.onmessage = ({ data }) => done(data);
        registration.active.postMessage("run", [port2]);
      });
    };
    report("service worker", await page.evaluate(inServiceWorker));
    await page.close();
  }
} finally {
  await browser.close();
  http.close();
  for (const server of servers) await server.kill();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed || !passed ? 1 : 0;
