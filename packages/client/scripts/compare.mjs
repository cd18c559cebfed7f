/**
 * `npm run compare`: this client beside the official one, both as they come minified from a server: bytes, the time until the
 * script has run, the time to connect, memory of connected clients, and events a second. As Markdown.
 *
 *     node scripts/compare.mjs [--start "COMMAND with {port}"] [--rounds 5]
 *
 * The server is the official one unless told. Each figure is the median of the rounds, in which the two take turns, each time
 * in a process of its own.
 */
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import vm from "node:vm";
import { brotliCompressSync } from "node:zlib";
import { clientDist, root } from "./bundle.mjs";
import { commandSize, nodeSize, zlibSize } from "./gzip.mjs";

const official = resolve(dirname(createRequire(import.meta.url).resolve("socket.io-client/package.json")), "dist");
const FILES = { here: resolve(clientDist, "socket.io.min.js"), official: resolve(official, "socket.io.min.js") };
const CLIENTS = 200;
const EVENTS = 20_000;

/** One measurement, in a process of its own. */
async function measure(name, url) {
  const code = readFileSync(FILES[name], "utf8");
  const { WebSocket } = await import("ws");
  globalThis.WebSocket = WebSocket;
  // What the official polling needs is not in Node: both speak WebSocket here.
  const options = { transports: ["websocket"], forceNew: true, reconnection: false };
  const load = () => {
    const home = vm.createContext({ setTimeout, clearTimeout, queueMicrotask, WebSocket, ArrayBuffer, Uint8Array, TextEncoder, TextDecoder, Blob, console });
    home.self = home;
    const start = performance.now();
    // A new text each time: nothing comes from V8's cache.
    vm.runInContext(code + "\n//" + Math.random(), home);
    return [performance.now() - start, home.io];
  };
  const starts = [];
  let io;
  for (let i = 0; i < 50; i++) {
    const [ms, loaded] = load();
    starts.push(ms);
    io = loaded;
  }

  const socket = io(url, options);
  await new Promise((done) => socket.on("connect", done));

  let received = 0;
  const echoed = new Promise((done) => socket.on("echo", () => ++received == EVENTS && done()));
  const from = performance.now();
  for (let i = 0; i < EVENTS; i++) socket.emit("echo", i, "some text", { a: [1, 2, 3] });
  await echoed;
  const events = EVENTS / ((performance.now() - from) / 1000);

  const sockets = [];
  const times = [];
  const connectMany = async () => {
    for (let i = 0; i < CLIENTS; i++) {
      const begin = performance.now();
      const one = io(url, options);
      sockets.push(one);
      await new Promise((done) => one.on("connect", done));
      times.push(performance.now() - begin);
    }
  };
  // The first ones make V8 compile what they need; that is not theirs.
  await connectMany();
  const before = await heap();
  await connectMany();
  const memory = ((await heap()) - before) / CLIENTS;
  for (const one of [...sockets, socket]) one.disconnect();
  process.send({ start: median(starts), connect: median(times), events, memory });
}

/** Bytes in use, after all that can go has gone. */
async function heap() {
  for (let i = 0; i < 3; i++) {
    await new Promise((done) => setTimeout(done, 50));
    global.gc();
  }
  return process.memoryUsage().heapUsed;
}

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function main() {
  const { values } = parseArgs({ options: { start: { type: "string" }, rounds: { type: "string", default: "5" } } });
  const bytes = (size) => size.toLocaleString("en");
  const row = (...cells) => console.log(`| ${cells.join(" | ")} |`);
  row("bytes", "here", "official");
  row("---", "---:", "---:");
  for (const name of ["socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]) {
    const texts = [clientDist, official].map((dir) => readFileSync(resolve(dir, name)));
    row(`\`${name}\`, plain`, ...texts.map((text) => bytes(text.length)));
    row(`\`${name}\`, gzip -9`, ...texts.map((text) => bytes(commandSize(text) ?? zlibSize(text))));
    row(`\`${name}\`, Node's zlib`, ...texts.map((text) => bytes(nodeSize(text))));
    row(`\`${name}\`, brotli`, ...texts.map((text) => bytes(brotliCompressSync(text).length)));
  }

  const { spawn } = await import("node:child_process");
  const command = (values.start ?? `node ${resolve(root, "test/official-server.mjs")} --port {port}`).replace("{port}", "0");
  const [program, ...args] = command.split(" ");
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const port = await new Promise((done) =>
    server.stdout.on("data", (data) => /listening on \S+:(\d+)/.test(data) && done(RegExp.$1)),
  );
  const results = { here: [], official: [] };
  try {
    for (let i = 0; i < +values.rounds; i++) {
      for (const name of Object.keys(FILES)) {
        const child = fork(fileURLToPath(import.meta.url), [name, `http://127.0.0.1:${port}`], { execArgv: ["--expose-gc"] });
        results[name].push(await new Promise((done, fail) => child.on("message", done).on("error", fail).on("exit", (status) => status && fail(new Error("exit " + status)))));
      }
    }
  } finally {
    server.kill();
  }
  console.log();
  row("median of " + values.rounds, "here", "official", "ratio");
  row("---", "---:", "---:", "---:");
  const line = (label, key, show) => {
    const [a, b] = ["here", "official"].map((name) => median(results[name].map((result) => result[key])));
    row(label, show(a), show(b), (a / b).toFixed(2));
  };
  line("script read and run, ms", "start", (n) => n.toFixed(2));
  line("connecting, ms", "connect", (n) => n.toFixed(1));
  line("echoed events, each second", "events", (n) => Math.round(n).toLocaleString("en"));
  line("heap of a connected client, bytes", "memory", (n) => Math.round(n).toLocaleString("en"));
}

if (process.send) await measure(process.argv[2], process.argv[3]);
else await main();
