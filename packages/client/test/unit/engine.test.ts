import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { later, platform } from "../../src/platform.js";
import { FakeTransport, settle } from "./fake.js";

beforeEach(() => FakeTransport.reset());
afterEach(() => {
  mock.timers.reset();
  delete (globalThis as any).addEventListener;
  delete (globalThis as any).removeEventListener;
});

/** A transport with another name, to upgrade to. */
class Better extends FakeTransport {
  override get name(): string {
    return "better";
  }
}

const make = (opts: any = {}) => new Engine("http://example.com:81/", { path: "/engine.io", transports: [FakeTransport], ...opts } as any);

function record(engine: Engine, ...events: string[]): any[][] {
  const log: any[][] = [];
  for (const event of events) engine.on(event as any, (...args: any[]) => log.push([event, ...args]));
  return log;
}

test("the_address_becomes_options_and_its_query_wins", () => {
  const engine = new Engine("https://example.com/x?a=b", { transports: [FakeTransport], query: { c: "d" }, path: "/p/" } as any);
  const { opts } = FakeTransport.last;
  assert.equal(opts.hostname, "example.com");
  assert.equal(opts.secure, true);
  assert.equal(opts.path, "/p/");
  assert.deepEqual(opts.query, { a: "b", EIO: 4, transport: "fake" });
  assert.equal((opts as any).socket, engine);
});

test("websocket_addresses_are_secure_only_with_wss", () => {
  for (const [scheme, secure] of [["ws", false], ["wss", true], ["http", false], ["https", true]] as const) {
    new Engine(scheme + "://h", { path: "/x", transports: [FakeTransport] } as any);
    assert.equal(FakeTransport.last.opts.secure, secure, scheme);
  }
});

test("add_trailing_slash_false", () => {
  make({ path: "/x/", addTrailingSlash: false });
  assert.equal(FakeTransport.last.opts.path, "/x");
});

test("transport_options_are_for_their_transport", () => {
  make({ transportOptions: { fake: { a: 1 }, other: { b: 1 } } });
  assert.equal((FakeTransport.last.opts as any).a, 1);
  assert.equal((FakeTransport.last.opts as any).b, undefined);
});

test("handshake_opens_and_flushes", () => {
  const engine = make();
  const log = record(engine, "handshake", "open", "packet");
  engine.write("early");
  FakeTransport.last.handshake({ sid: "s1" });
  assert.deepEqual(log.map(([name]) => name), ["packet", "handshake", "open"]);
  assert.equal(engine.id, "s1");
  assert.equal(engine.readyState, "open");
  assert.equal(FakeTransport.last.query.sid, "s1");
  assert.deepEqual(FakeTransport.last.sent, ["4early"]);
});

test("a_handshake_that_is_no_json_is_a_transport_error", () => {
  const engine = make();
  const log = record(engine, "error", "close");
  FakeTransport.last.receive("0{");
  assert.deepEqual(log.map(([name, arg]) => [name, arg instanceof Error ? "Error" : arg]), [["error", "Error"], ["close", "transport error"]]);
});

test("an_unreadable_packet_is_a_transport_error", () => {
  const engine = make();
  const log = record(engine, "error", "close");
  FakeTransport.last.receive("<html>");
  assert.equal(log[0][1].message, "server error");
  assert.equal(log[0][1].code, "parser error");
  assert.equal(log[1][1], "transport error");
});

test("no_transports_is_an_error_later", async () => {
  const engine = make({ transports: ["nonsense"] });
  const error = await new Promise((resolve) => engine.on("error", resolve));
  assert.equal(error, "No transports available");
});

test("ping_is_answered_and_puts_the_deadline_off", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const engine = make();
  const log = record(engine, "close", "ping", "pong");
  FakeTransport.last.handshake({ pingInterval: 300, pingTimeout: 200 });
  mock.timers.tick(400);
  FakeTransport.last.receive("2");
  assert.deepEqual(FakeTransport.last.sent, ["3"]);
  mock.timers.tick(499);
  assert.deepEqual(log, [["ping"], ["pong"]]);
  mock.timers.tick(1);
  assert.deepEqual(log[2], ["close", "ping timeout", undefined]);
  assert.equal(engine.id, null);
  assert.equal(FakeTransport.last.closed, 1);
});

test("other_traffic_does_not_put_the_deadline_off", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const log = record(make(), "close");
  FakeTransport.last.handshake({ pingInterval: 300, pingTimeout: 200 });
  mock.timers.tick(400);
  FakeTransport.last.receive("4x", "6");
  mock.timers.tick(100);
  assert.equal(log.length, 1);
});

test("a_throttled_timer_is_noticed_by_the_clock", async () => {
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.handshake();
  assert.equal(engine._hasPingExpired(), false);
  engine._pingTimeoutTime = Date.now() - 1;
  assert.equal(engine._hasPingExpired(), true);
  assert.equal(engine._hasPingExpired(), true);
  assert.deepEqual(log, []);
  await settle();
  assert.deepEqual(log, [["close", "ping timeout", undefined]]);
});

test("writes_wait_for_the_drain_and_go_out_together", async () => {
  const engine = make();
  const transport = FakeTransport.last;
  const log = record(engine, "flush", "drain");
  transport.handshake();
  transport.autoDrain = false;
  engine.write("a").write("b").write("c");
  assert.deepEqual(transport.batches, [["4a"]]);
  assert.equal(engine.writeBuffer.length, 3);
  transport.drain();
  assert.deepEqual(transport.batches, [["4a"], ["4b", "4c"]]);
  assert.equal(engine.writeBuffer.length, 2);
  transport.drain();
  assert.equal(engine.writeBuffer.length, 0);
  assert.deepEqual(log, [["flush"], ["flush"], ["drain"]]);
});

test("write_options_and_callback", () => {
  const engine = make();
  FakeTransport.last.handshake();
  const created = record(engine, "packetCreate");
  let flushed = 0;
  engine.write("a", { compress: false }, () => flushed++);
  engine.send("b", null, () => flushed++);
  (engine as any).write("c", () => flushed++);
  assert.deepEqual(created.map(([, packet]) => packet.options.compress), [false, true, true]);
  assert.equal(flushed, 1);
});

test("polling_batches_keep_to_the_payload_limit", () => {
  class Limited extends FakeTransport {
    override get name(): string {
      return "polling";
    }
  }
  const engine = make({ transports: [Limited] });
  const transport = FakeTransport.last;
  transport.handshake({ maxPayload: 10 });
  transport.autoDrain = false;
  for (const text of ["first", "abc", "defg", "h", "far too long for one payload", "i", "j"]) engine.write(text);
  for (let i = 0; i < 4; i++) transport.drain();
  assert.deepEqual(transport.batches, [["4first"], ["4abc", "4defg"], ["4h"], ["4far too long for one payload"], ["4i", "4j"]]);
});

test("close_lets_out_what_was_written", async () => {
  const engine = make();
  const transport = FakeTransport.last;
  const log = record(engine, "close");
  transport.handshake();
  transport.autoDrain = false;
  engine.write("a").write("b").close();
  engine.write("too late");
  transport.drain();
  assert.equal(engine.readyState, "closing");
  assert.deepEqual(log, []);
  transport.drain();
  assert.deepEqual(transport.sent, ["4a", "4b"]);
  assert.deepEqual(log, [["close", "forced close", undefined]]);
  assert.equal(transport.closed, 1);
  engine.close();
  assert.equal(log.length, 1);
});

test("closing_ends_with_the_heartbeat_when_nothing_drains", () => {
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.autoDrain = false;
  FakeTransport.last.handshake();
  engine.write("a").close();
  mock.timers.tick(500);
  assert.deepEqual(log, [["close", "ping timeout", undefined]]);
});

test("listeners_of_close_see_what_was_not_sent", () => {
  const engine = make();
  FakeTransport.last.autoDrain = false;
  FakeTransport.last.handshake();
  engine.write("a").write("b");
  let unsent = 0;
  engine.on("close", () => (unsent = engine.writeBuffer.length));
  FakeTransport.last.lose();
  assert.equal(unsent, 2);
  assert.equal(engine.writeBuffer.length, 0);
});

test("a_close_packet_is_a_transport_close_after_what_came_before_it", async () => {
  const engine = make();
  const log = record(engine, "close");
  FakeTransport.last.handshake();
  FakeTransport.last.receive("4last", "1");
  assert.equal(engine.readyState, "open");
  await settle();
  assert.deepEqual(log, [["close", "transport close", { description: "transport closed by the server" }]]);
});

test("binary_comes_in_the_shape_that_was_asked_for", async () => {
  const engine = make();
  const log = record(engine, "data");
  FakeTransport.last.handshake();
  FakeTransport.last.receive(Uint8Array.of(1).buffer, "bAQ==");
  engine.binaryType = "blob";
  FakeTransport.last.receive("bAg==");
  assert.deepEqual(log.slice(0, 2).map(([, data]) => data), [Uint8Array.of(1).buffer, Uint8Array.of(1).buffer]);
  assert.deepEqual(new Uint8Array(await log[2][1].arrayBuffer()), Uint8Array.of(2));
});

test("try_all_transports_goes_on_to_the_next_while_opening", () => {
  const engine = make({ transports: [FakeTransport, Better], tryAllTransports: true });
  const log = record(engine, "error", "open", "close");
  const [first] = FakeTransport.all;
  first.fail();
  assert.equal(first.closed, 1);
  assert.equal(FakeTransport.last.name, "better");
  FakeTransport.last.handshake();
  assert.deepEqual(log, [["open"]]);
  FakeTransport.last.fail();
  assert.deepEqual(log.map(([name]) => name), ["open", "error", "close"]);
});

test("try_all_transports_ends_with_the_last_error", () => {
  const log = record(make({ transports: [FakeTransport, Better], tryAllTransports: true }), "error", "close");
  FakeTransport.last.fail("one");
  FakeTransport.last.fail("two");
  assert.deepEqual(log.map(([name, arg]) => [name, arg.message ?? arg]), [["error", "two"], ["close", "transport error"]]);
});

/** A page: the listeners of its events, and a way to fire them. */
function page() {
  const listeners: [string, (event: any) => void][] = [];
  Object.assign(globalThis, {
    addEventListener: (event: string, listener: any) => listeners.push([event, listener]),
    removeEventListener: (event: string, listener: any) => {
      listeners.splice(listeners.findIndex((item) => item[0] == event && item[1] == listener), 1);
    },
  });
  return {
    listeners,
    fire: (event: string, init: object = {}) => {
      for (const [name, listener] of listeners.slice()) if (name == event) listener(init);
    },
  };
}

test("going_offline_closes_unless_on_the_loopback", () => {
  const { fire, listeners } = page();
  const engine = make();
  const local = new Engine("http://localhost", { path: "/", transports: [FakeTransport] } as any);
  const log = record(engine, "close");
  FakeTransport.all[0].handshake();
  fire("offline");
  assert.deepEqual(log, [["close", "transport close", { description: "network connection lost" }]]);
  assert.equal(local.readyState, "opening");
  local.close();
  assert.deepEqual(listeners, [], "nothing is left behind");
});

test("before_unload_closes_in_silence", () => {
  const { fire, listeners } = page();
  const engine = make({ closeOnBeforeunload: true });
  const log = record(engine, "close", "error");
  FakeTransport.last.handshake();
  fire("beforeunload");
  assert.equal(FakeTransport.last.closed, 1);
  assert.deepEqual(log, []);
  engine.close();
  assert.deepEqual(listeners, []);
});

test("a_page_that_is_left_hears_no_error_and_starts_afresh_when_it_comes_back", () => {
  const { fire, listeners } = page();
  const log = record(make(), "close", "error");
  FakeTransport.last.handshake();
  fire("pagehide");
  FakeTransport.last.fail("aborted");
  FakeTransport.last.lose();
  fire("pageshow", { persisted: false });
  assert.deepEqual(log, []);
  fire("pageshow", { persisted: true });
  assert.deepEqual(log, [["close", "transport close", { description: "network connection lost" }]]);
  assert.deepEqual(listeners, []);
});

test("remember_upgrade_starts_with_websocket", () => {
  class Ws extends FakeTransport {
    override get name(): string {
      return "websocket";
    }
  }
  platform.$websocketWorked = true;
  make({ transports: [FakeTransport, Ws], rememberUpgrade: true });
  assert.equal(FakeTransport.last.name, "websocket");
  FakeTransport.last.fail();
  make({ transports: [FakeTransport, Ws], rememberUpgrade: true });
  assert.equal(FakeTransport.last.name, "fake");
});

test("native_timers_are_not_those_of_a_test", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let called = 0;
  const cancel = later(make({ useNativeTimers: true }), () => called++, 1);
  mock.timers.tick(10);
  assert.equal(called, 0);
  cancel();
});

test("auto_unref_is_for_every_timer", () => {
  const original = globalThis.setTimeout;
  let unrefs = 0;
  try {
    globalThis.setTimeout = (() => ({ unref: () => unrefs++ })) as any;
    later(make({ autoUnref: true }), () => {}, 1);
    assert.equal(unrefs, 1);
    later(make({}), () => {}, 1);
    assert.equal(unrefs, 1);
  } finally {
    globalThis.setTimeout = original;
  }
});

test("classes_of_transports_win_over_names", () => {
  const engine = new Engine("http://localhost", { path: "/e", transports: ["polling"], transportImplementations: [FakeTransport] });
  assert.deepEqual(engine.transports, ["fake"]);
  engine.close();
});

test("where_the_server_is_can_be_read", () => {
  const at = (uri: string | undefined, opts: any = {}) => {
    const { hostname, port, secure } = new Engine(uri, { path: "/x", transports: [FakeTransport], ...opts } as any);
    return [hostname, port, secure];
  };
  assert.deepEqual(at("http://example.com:81"), ["example.com", "81", false]);
  assert.deepEqual(at("http://example.com"), ["example.com", "80", false]);
  assert.deepEqual(at("wss://example.com"), ["example.com", "443", true]);
  assert.deepEqual(at(undefined, { host: "h", secure: true }), ["h", "443", true]);
  assert.deepEqual(at(undefined, { hostname: "h", port: 8080 }), ["h", 8080, false]);
  (globalThis as any).location = new URL("http://page.test:8080/");
  try {
    assert.deepEqual(at(undefined), ["page.test", "8080", false]);
    for (const uri of ["", "/", "/x", "?a=b"]) assert.deepEqual(at(uri), ["page.test", "8080", false], uri);
    assert.deepEqual(at(undefined, { port: 3000 }), ["page.test", 3000, false], "another port of the page's host");
  } finally {
    delete (globalThis as any).location;
  }
});
