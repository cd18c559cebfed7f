/** What an engine makes of its address and its options: where the server is, which transports it tries, its timers. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { Engine } from "../../src/engine.js";
import { later, platform } from "../../src/platform.js";
import { FakeTransport } from "./fake.js";
import { Better, make, record } from "./fake-engine.js";

beforeEach(() => FakeTransport.reset());
afterEach(() => mock.timers.reset());

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

test("no_transports_is_an_error_later", async () => {
  const engine = make({ transports: ["nonsense"] });
  const error = await new Promise((resolve) => engine.on("error", resolve));
  assert.equal(error, "No transports available");
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
