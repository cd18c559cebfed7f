/** Where there is neither the package `ws` nor a `WebSocket` besides, as on Node 18 and 20: what one is told, and what one can do. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Transport } from "#client";
import { next, numbers, open, start, type Server } from "../server/util.js";

// From where the client does not find it.
const { WebSocket } = createRequire(PACKAGE_ROOT + "/package.json")("ws");

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

test("WebSocket alone is a connect_error that says what to install", async () => {
  assert.equal((globalThis as any).WebSocket, undefined);
  const socket = open(server.url, { transports: ["websocket"] });
  const [err] = await next(socket, "connect_error");
  assert.equal(err.message, "websocket error");
  assert.match(err.description.message, /install the package `ws`/);
});

test("polling goes on without an upgrade, and carries headers", async () => {
  const socket = open(server.url, { extraHeaders: { "x-test": "yes" } });
  const failed = next(socket.io.engine, "upgradeError");
  assert.equal((await socket.emitWithAck("handshake")).headers["x-test"], "yes");
  await failed;
  assert.equal(socket.io.engine.transport.name, "polling");
  assert.deepEqual(numbers(await socket.emitWithAck("echo", Uint8Array.of(1, 2, 3))), [1, 2, 3]);
});

const TYPES = ["open", "close", "ping", "pong", "message", "upgrade", "noop"];

/** A transport as an application would write it. */
class Own extends Transport {
  get name() {
    return "websocket";
  }
  doOpen() {
    const { hostname, port, path, query, extraHeaders: headers } = this.opts;
    const ws = (this.own = new WebSocket(`ws://${hostname}:${port}${path}?${new URLSearchParams(query)}`, { headers }));
    ws.onopen = () => this.onOpen();
    ws.onmessage = ({ data }: any) =>
      this.onPacket(typeof data == "string" ? { type: TYPES[+data[0]], data: data.slice(1) } : { type: "message", data });
    ws.onclose = () => this.onClose();
    ws.onerror = (err: any) => this.onError("own error", err);
  }
  write(packets: any[]) {
    for (const { type, data = "" } of packets) this.own.send(typeof data == "string" ? TYPES.indexOf(type) + data : data);
    setTimeout(() => {
      this.writable = true;
      this.emit("drain");
    });
  }
  doClose() {
    this.own.close();
  }
}

test("a transport of one's own in `transportImplementations`", async () => {
  const socket = open(server.url, { transportImplementations: [Own], extraHeaders: { "x-test": "own" } });
  assert.equal((await socket.emitWithAck("handshake")).headers["x-test"], "own");
  assert.ok(socket.io.engine.transport instanceof Own);
  assert.deepEqual(numbers(await socket.emitWithAck("echo", Uint8Array.of(1, 2, 3))), [1, 2, 3]);
  for (let n = 0; n < 100; n++) socket.emit("echo", n);
  assert.equal(await socket.emitWithAck("echo", "last"), "last");
});

// The last: it is there from now on.
test("a class put at `globalThis.WebSocket` is taken, with headers if it can", async () => {
  (globalThis as any).WebSocket = class extends WebSocket {
    constructor(url: string, { protocols, headers }: any) {
      super(url, protocols, { headers });
    }
  };
  const socket = open(server.url, { transports: ["websocket"], extraHeaders: { "x-test": "yes" } });
  assert.equal((await socket.emitWithAck("handshake")).headers["x-test"], "yes");
  assert.equal(socket.io.engine.transport.name, "websocket");
});
