/** Start and memory beside the official client's bundle, without a network: `npm run compare` has the figures of a real one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { test } from "node:test";
import v8 from "node:v8";
import vm from "node:vm";

const official = resolve(dirname(createRequire(PACKAGE_ROOT + "/package.json").resolve("socket.io-client/package.json")), "dist");
const SCRIPTS = {
  here: readFileSync(resolve(CLIENT_DIST, "socket.io.min.js"), "utf8"),
  official: readFileSync(resolve(official, "socket.io.min.js"), "utf8"),
};
type Name = keyof typeof SCRIPTS;

/** A server and its network in one: it accepts everybody. */
class FakeWebSocket {
  static OPEN = 1;
  readyState = 1;
  onopen: any;
  onmessage: any;
  onclose: any;

  constructor() {
    queueMicrotask(() => {
      this.onopen({});
      const handshake = { sid: "a".repeat(20), upgrades: [], pingInterval: 25_000, pingTimeout: 20_000, maxPayload: 1_000_000 };
      this.onmessage({ data: "0" + JSON.stringify(handshake) });
    });
  }
  send(data: string) {
    if (data == "40") queueMicrotask(() => this.onmessage({ data: `40{"sid":"${"b".repeat(20)}"}` }));
  }
  close() {
    queueMicrotask(() => this.onclose({}));
  }
}

/** Reads and runs a script as a page does, which has not seen it before; answers its `io` and the milliseconds. */
function load(name: Name): [io: any, ms: number] {
  const home: any = { setTimeout, clearTimeout, queueMicrotask, WebSocket: FakeWebSocket, ArrayBuffer, Uint8Array, TextEncoder, TextDecoder, Blob };
  home.self = vm.createContext(home);
  const start = performance.now();
  // A new text each time: nothing comes from V8's cache.
  vm.runInContext(`${SCRIPTS[name]}\n//${Math.random()}`, home);
  return [home.io, performance.now() - start];
}

test("the script is read and run in less time than the official one", () => {
  const times = { here: [] as number[], official: [] as number[] };
  for (let round = 0; round < 15; round++) for (const name of ["here", "official"] as const) times[name].push(load(name)[1]);
  // The quickest is the one that nothing else held up.
  const [here, there] = [Math.min(...times.here), Math.min(...times.official)];
  assert.ok(here < there, `${here} ms, the official one ${there} ms`);
});

/** Bytes that a connected client keeps. */
async function memory(name: Name, gc: () => void): Promise<number> {
  const CLIENTS = 300;
  const [io] = load(name);
  const sockets: any[] = [];
  const connect = async (count: number) => {
    for (let n = 0; n < count; n++) {
      const socket = io("http://localhost", { transports: ["websocket"], forceNew: true, reconnection: false });
      sockets.push(socket);
      await new Promise<void>((done) => socket.on("connect", done));
    }
  };
  const used = async () => {
    for (let turn = 0; turn < 3; turn++) {
      await new Promise((done) => setTimeout(done, 1));
      gc();
    }
    return process.memoryUsage().heapUsed;
  };
  // What V8 compiles and remembers for the first ones is not theirs.
  await connect(CLIENTS);
  const before = await used();
  await connect(CLIENTS);
  const each = ((await used()) - before) / CLIENTS;
  for (const socket of sockets) socket.disconnect();
  return each;
}

test("a connected client keeps no more memory than the official one", async () => {
  v8.setFlagsFromString("--expose-gc");
  const gc = vm.runInNewContext("gc");
  const bytes = { here: [] as number[], official: [] as number[] };
  for (let round = 0; round < 5; round++) for (const name of ["here", "official"] as const) bytes[name].push(await memory(name, gc));
  // The median: now and then a round has in it what the engine itself has compiled, or let go of.
  const [here, there] = [bytes.here, bytes.official].map((rounds) => [...rounds].sort((a, b) => a - b)[2]);
  assert.ok(there > 1_000, "something was measured");
  assert.ok(here <= there, `${here} bytes, the official one ${there}: ${JSON.stringify(bytes)}`);
});
