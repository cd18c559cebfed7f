import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { encodeFrame, readFrames } from "../../src/frames.js";
import { platform } from "../../src/platform.js";
import { FakeTransport } from "./fake.js";

/** A session whose other end the test plays. */
class FakeSession {
  static all: FakeSession[] = [];
  static get last(): FakeSession {
    return FakeSession.all[FakeSession.all.length - 1];
  }
  /** What the client has written, as packets. */
  received: any[] = [];
  closes = 0;
  readonly closed: Promise<void>;
  readonly ready: Promise<void>;
  settleClosed!: { resolve: () => void; reject: (err: Error) => void };
  settleReady!: { resolve: () => void; reject: (err: Error) => void };
  private controller!: ReadableStreamDefaultController<Uint8Array>;
  /** Set, the writes of the client wait for it. */
  gate?: Promise<void>;
  failWrites?: Error;

  constructor(
    readonly url: string,
    readonly options: any,
  ) {
    FakeSession.all.push(this);
    this.closed = new Promise((resolve, reject) => (this.settleClosed = { resolve, reject }));
    this.ready = new Promise((resolve, reject) => (this.settleReady = { resolve, reject }));
    this.ready.catch(() => {});
  }

  async createBidirectionalStream() {
    const readable = new ReadableStream<Uint8Array>({ start: (controller) => void (this.controller = controller) });
    const { readable: arriving, writable } = new TransformStream<Uint8Array, Uint8Array>({
      transform: async (chunk, controller) => {
        await this.gate;
        if (this.failWrites) throw this.failWrites;
        controller.enqueue(chunk);
      },
    });
    const reader = arriving.getReader();
    readFrames(
      async () => (await reader.read()).value,
      (packet) => this.received.push(packet),
    ).catch(() => {});
    return { readable, writable };
  }
  send(...packets: any[]): void {
    for (const packet of packets) this.controller.enqueue(encodeFrame(packet));
  }
  sendRaw(hex: string): void {
    this.controller.enqueue(new Uint8Array(Buffer.from(hex, "hex")));
  }
  endStream(): void {
    this.controller.close();
  }
  close(): void {
    this.closes++;
    this.settleClosed.resolve();
  }
}

const OPEN = '0{"sid":"s1","upgrades":[],"pingInterval":60000,"pingTimeout":20000,"maxPayload":10}';

beforeEach(() => {
  FakeSession.all = [];
  FakeTransport.reset();
  (globalThis as any).WebTransport = FakeSession;
});
afterEach(() => {
  delete (globalThis as any).WebTransport;
  mock.timers.reset();
});

/** Lets streams and promises go on. */
const settle = async () => {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function open(opts: any = {}) {
  const engine = new Engine("https://example.com", { path: "/engine.io", transports: ["webtransport"], ...opts });
  const log: any[][] = [];
  for (const event of ["open", "data", "error", "close"] as const) engine.on(event, (...args: any[]) => log.push([event, ...args]));
  const session = FakeSession.last;
  session?.settleReady.resolve();
  await settle();
  return { engine, log, session };
}

test("the_address_has_no_query_and_is_always_by_tls", async () => {
  for (const [uri, opts, url] of [
    ["https://example.com", {}, "https://example.com/engine.io/"],
    ["https://example.com:8443?a=1", {}, "https://example.com:8443/engine.io/"],
    ["http://localhost:3000", { path: "/p", addTrailingSlash: false }, "https://localhost:3000/p"],
    ["https://[::1]:3000", { query: { next: "/?x" } }, "https://[::1]:3000/engine.io/"],
  ] as const) {
    const engine = new Engine(uri, { path: "/engine.io", transports: ["webtransport"], ...opts });
    assert.equal(FakeSession.last.url, url);
    engine.close();
  }
});

test("the_options_of_the_platform_are_those_of_transport_options", async () => {
  const { engine, session } = await open({ transportOptions: { webtransport: { congestionControl: "low-latency" } } });
  assert.deepEqual(session.options, { congestionControl: "low-latency" });
  engine.close();
});

test("a_new_session_begins_with_an_open_packet", async () => {
  const { engine, log, session } = await open();
  assert.deepEqual(session.received, ["0"]);
  assert.equal(engine.transport.name, "webtransport");
  session.send(OPEN, "4hi", Uint8Array.of(1, 2), "4€");
  await settle();
  assert.deepEqual(
    log.map(([event, data]) => [event, data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data]),
    [["open", undefined], ["data", "hi"], ["data", [1, 2]], ["data", "€"]],
  );
  engine.write("a").write(Uint8Array.of(3)).write(new Blob([Uint8Array.of(4)]));
  session.send("2");
  await settle();
  assert.deepEqual(
    session.received.slice(1).map((packet) => (typeof packet == "string" ? packet : [...new Uint8Array(packet)])),
    ["4a", [3], [4], "3"],
  );
  engine.close();
});

test("packets_wait_for_the_stream", async () => {
  const { engine, session } = await open();
  session.send(OPEN);
  await settle();
  let go!: () => void;
  session.gate = new Promise((resolve) => (go = resolve));
  let drained = 0;
  engine.on("drain", () => drained++);
  engine.write("a");
  engine.write("b");
  await settle();
  assert.equal(engine.transport.writable, false);
  assert.equal(drained, 0);
  go();
  await settle();
  assert.deepEqual(session.received, ["0", "4a", "4b"]);
  assert.equal(engine.writeBuffer.length, 0);
  assert.equal(drained, 1);
  engine.close();
});

test("closing_closes_the_session_once_and_says_so_once", async () => {
  const { engine, log, session } = await open();
  session.send(OPEN);
  await settle();
  engine.close();
  await settle();
  assert.deepEqual(log.slice(1).map(([event, reason]) => [event, reason]), [["close", "forced close"]]);
  assert.equal(session.closes, 1);
});

test("every_end_of_a_session_is_told_once", async () => {
  const ends: [what: string, end: (session: FakeSession) => void, events: any[]][] = [
    ["closed", (session) => session.settleClosed.resolve(), [["close", "transport close"]]],
    ["lost", (session) => session.settleClosed.reject(new Error("lost")), [["error", "webtransport error"], ["close", "transport error"]]],
    ["end of the stream", (session) => session.endStream(), [["close", "transport close"]]],
    ["an empty frame", (session) => session.sendRaw("00"), [["error", "webtransport error"], ["close", "transport error"]]],
    ["a close packet", (session) => session.send("1"), [["close", "transport close"]]],
  ];
  for (const [what, end, events] of ends) {
    const { engine, log, session } = await open();
    session.send(OPEN);
    await settle();
    log.length = 0;
    end(session);
    await settle();
    assert.deepEqual(log.map(([event, detail]) => [event, detail.message ?? detail]), events, what);
    assert.equal(engine.readyState, "closed", what);
  }
});

test("a_write_that_fails_is_an_error", async () => {
  const { engine, log, session } = await open();
  session.send(OPEN);
  await settle();
  session.failWrites = new Error("reset");
  engine.write("a");
  await settle();
  assert.deepEqual(log.slice(1).map(([event, detail]) => [event, detail.message ?? detail]), [
    ["error", "webtransport error"],
    ["close", "transport error"],
  ]);
});

test("a_session_that_cannot_be_made_is_an_error", async () => {
  const { log, session } = await open();
  session.settleClosed.reject(new Error("no"));
  await settle();
  assert.deepEqual(log.map(([event, detail]) => [event, detail.message ?? detail]), [
    ["error", "webtransport error"],
    ["close", "transport error"],
  ]);
});

test("where_the_platform_does_not_have_it_there_is_no_such_transport", async () => {
  delete (globalThis as any).WebTransport;
  const { log } = await open();
  await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(log, [["error", "No transports available"]]);
});

test("closed_while_it_opens_it_stays_closed", async () => {
  const engine = new Engine("https://example.com", { path: "/engine.io", transports: ["webtransport"] });
  const log: any[] = [];
  engine.on("open", () => log.push("open")).on("close", (reason) => log.push(reason));
  engine.close();
  FakeSession.last.settleReady.resolve();
  await settle();
  assert.deepEqual(log, ["forced close"]);
});

class Old extends FakeTransport {
  override get name(): string {
    return "polling";
  }
}

test("an_upgrade_names_the_session_and_takes_over", async () => {
  const engine = new Engine("https://example.com", { path: "/engine.io", transports: [Old, "webtransport"] as any });
  const old = FakeTransport.last;
  old.handshake({ sid: "secret", upgrades: ["webtransport"] });
  const session = FakeSession.last;
  session.settleReady.resolve();
  await settle();
  assert.deepEqual(session.received, ['0{"sid":"secret"}', "2probe"]);
  session.send("3probe");
  await settle();
  assert.equal(engine.transport.name, "webtransport");
  engine.write("over webtransport");
  await settle();
  assert.deepEqual(session.received.slice(2), ["5", "4over webtransport"]);
  assert.deepEqual(old.sent, []);
  engine.close();
});

test("websocket_waits_for_webtransport_only_where_the_platform_has_it", async () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const sockets: string[] = [];
  const original = { ...platform };
  platform.$webSocket = (url) => {
    sockets.push(url);
    return { close() {} };
  };
  try {
    for (const supported of [true, false]) {
      sockets.length = 0;
      if (!supported) delete (globalThis as any).WebTransport;
      const engine = new Engine("https://example.com", { path: "/e", transports: [Old, "websocket", "webtransport"] as any });
      let failures = 0;
      engine.on("upgradeError", () => failures++);
      FakeTransport.last.handshake({ upgrades: ["websocket", "webtransport"] });
      assert.equal(sockets.length, supported ? 0 : 1);
      mock.timers.tick(200);
      assert.equal(sockets.length, 1);
      assert.equal(failures, 0);
      engine.close();
    }
  } finally {
    Object.assign(platform, original);
  }
});
