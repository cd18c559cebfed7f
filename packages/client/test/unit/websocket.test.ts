import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { platform } from "../../src/platform.js";
import { settle } from "./fake.js";

class FakeWebSocket {
  static last: FakeWebSocket;
  sent: any[] = [];
  options: any[] = [];
  closed = 0;
  binaryType = "";
  onopen: any;
  onclose: any;
  onmessage: any;
  onerror: any;
  constructor(
    readonly url: string,
    readonly protocols: any,
    readonly transportOptions: any,
  ) {
    FakeWebSocket.last = this;
  }
  send(data: any, options: any) {
    this.sent.push(data);
    this.options.push(options);
  }
  close() {
    this.closed++;
  }
}

const original = { ...platform };
beforeEach(() => {
  platform.$webSocket = (url, protocols, options) => new FakeWebSocket(url, protocols, options);
});
afterEach(() => {
  Object.assign(platform, original);
});

const OPEN = '0{"sid":"s1","upgrades":[],"pingInterval":60000,"pingTimeout":20000,"maxPayload":10}';

function open(opts: any = {}) {
  const engine = new Engine("http://example.com:81", { path: "/engine.io", transports: ["websocket"], ...opts });
  const log: any[][] = [];
  for (const event of ["open", "data", "error", "close"] as const) engine.on(event, (...args: any[]) => log.push([event, ...args]));
  const ws = FakeWebSocket.last;
  ws.onopen();
  ws.onmessage({ data: OPEN });
  return { engine, log, ws };
}

test("the_address_and_the_subprotocols", () => {
  const { engine, ws } = open({ protocols: ["a"], path: "/p", extraHeaders: { x: "y" } });
  assert.equal(ws.url, "ws://example.com:81/p/?EIO=4&transport=websocket");
  assert.deepEqual(ws.protocols, ["a"]);
  assert.deepEqual(ws.transportOptions.extraHeaders, { x: "y" });
  assert.equal(ws.binaryType, "arraybuffer");
  engine.close();
  const stamped = open({ timestampRequests: true, forceBase64: true });
  assert.match(stamped.ws.url, /&t=[\w.]+&b64=1$/);
  stamped.engine.close();
});

test("a_frame_is_a_packet_whatever_its_size", async () => {
  const { engine, log, ws } = open();
  const bytes = Uint8Array.of(1, 2);
  const blob = new Blob(["a blob"]);
  engine.write("a");
  engine.write("longer than a payload", { compress: false }).write(bytes);
  await settle();
  // A Blob is read first; what comes after it waits.
  engine.write(blob).write("after");
  while (ws.sent.length < 5) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(ws.sent, ["4a", "4longer than a payload", bytes, await blob.arrayBuffer(), "4after"]);
  assert.deepEqual(ws.options[1], { compress: false });
  ws.onmessage({ data: "4b" });
  ws.onmessage({ data: bytes.buffer });
  assert.deepEqual(log, [["open"], ["data", "b"], ["data", bytes.buffer]]);
  engine.close();
});

test("base64_is_forced_for_blobs_too", async () => {
  const { engine, ws } = open({ forceBase64: true });
  engine.write(new Blob(["ab"])).write(Uint8Array.of(1)).write("c");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(ws.sent, ["bYWI=", "bAQ==", "4c"]);
  engine.close();
});

test("the_end_of_the_socket_is_a_transport_close", () => {
  const { log, ws } = open();
  const event = { code: 1006 };
  ws.onclose(event);
  assert.deepEqual(log[1], ["close", "transport close", { description: "websocket connection closed", context: event }]);
});

test("an_error_of_the_socket_is_a_transport_error", () => {
  const { log, ws } = open();
  const event = { type: "error" };
  ws.onerror(event);
  assert.equal(log[1][1].message, "websocket error");
  assert.equal(log[1][1].description, event);
  assert.equal(log[2][1], "transport error");
  assert.equal(ws.closed, 1);
});

test("a_close_packet_closes_the_socket", async () => {
  const { log, ws } = open();
  ws.onmessage({ data: "1" });
  await settle();
  assert.deepEqual(log[1], ["close", "transport close", { description: "transport closed by the server" }]);
  assert.equal(ws.closed, 1);
});

test("closing_before_the_opening_is_silent", () => {
  const engine = new Engine("http://example.com", { path: "/engine.io", transports: ["websocket"] });
  engine.on("error", () => assert.fail("no error"));
  const ws = FakeWebSocket.last;
  engine.close();
  assert.equal(ws.closed, 1);
  ws.onerror(new Error("closed before it was open"));
});

test("a_constructor_that_throws_is_a_transport_error_later", async () => {
  platform.$webSocket = () => {
    throw new Error("no WebSocket here");
  };
  const engine = new Engine("http://example.com", { path: "/engine.io", transports: ["websocket"] });
  const errors: any[] = [];
  engine.on("error", (err) => errors.push(err));
  await settle();
  assert.equal(errors[0].description.message, "no WebSocket here");
  assert.equal(engine.readyState, "closed");
});

test("a_transport_stands_alone_and_knows_the_port_of_its_protocol", async () => {
  const { WS } = await import("../../src/transports/index.js");
  for (const port of [undefined, "", "80", 80]) {
    new WS({ hostname: "example.com", path: "/p/", query: { a: 1 }, port } as any).open();
    assert.equal(FakeWebSocket.last.url, "ws://example.com/p/?a=1");
  }
  new WS({ hostname: "example.com", path: "/p/", query: {}, port: "443", secure: true } as any).open();
  assert.equal(FakeWebSocket.last.url, "wss://example.com/p/?");
});

/** A Blob as old browsers have it: nobody can read it. */
const unreadable = () => Object.assign(new Blob(["ab"]), { arrayBuffer: undefined });

test("a_blob_that_cannot_be_read_is_an_error_and_not_sent_as_something_else", async () => {
  for (const forceBase64 of [false, true]) {
    const { engine, log, ws } = open({ forceBase64 });
    engine.write(unreadable());
    await settle();
    assert.deepEqual(ws.sent, []);
    assert.deepEqual(log.map(([event, value]) => event + ":" + (value?.message ?? value)), ["open:undefined", "error:blob read error", "close:transport error"]);
    engine.close();
  }
});
