import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { io, Manager, Socket, protocol } from "../../src/index.js";
import { FakeTransport } from "./fake.js";

const opened = new Set<Manager>();

beforeEach(() => FakeTransport.reset());
// What stays open would try to connect for ever.
afterEach(() => {
  for (const transport of FakeTransport.all) transport.fail();
  for (const manager of opened) manager._close();
});

/** `io`, remembered. */
const open: typeof io = Object.assign((...args: any[]) => {
  const socket = (io as any)(...args);
  opened.add(socket.io);
  return socket;
}, io);

const fake = (opts: any = {}) => ({ transports: [FakeTransport], ...opts }) as any;

test("what_hangs_on_io", () => {
  assert.equal(io.io, io);
  assert.equal(io.connect, io);
  assert.equal(io.lookup, io);
  assert.equal(io.Manager, Manager);
  assert.equal(io.Socket, Socket);
  assert.equal(io.protocol, 5);
  assert.equal(protocol, 5);
});

test("namespaces_of_one_address_share_a_connection", () => {
  const a = open("http://a.test/x", fake());
  const b = open("http://a.test:80/y", fake());
  assert.equal(a.io, b.io);
  assert.deepEqual([a.nsp, b.nsp], ["/x", "/y"]);
  assert.equal(FakeTransport.all.length, 1);
});

test("a_second_socket_of_a_namespace_has_its_own_connection", () => {
  const a = open("http://b.test/", fake());
  const b = open("http://b.test", fake());
  assert.notEqual(a.io, b.io);
  assert.notEqual(open("http://b.test/?q=1", fake()).io, a.io);
});

test("connections_are_not_shared_when_that_is_not_wanted", () => {
  const first = open("http://c.test/1", fake());
  for (const opts of [{ forceNew: true }, { "force new connection": true }, { multiplex: false }, { path: "/other" }]) {
    assert.notEqual(open("http://c.test/2", fake(opts)).io, first.io, JSON.stringify(opts));
  }
  assert.notEqual(open("https://c.test/2", fake()).io, first.io);
  assert.notEqual(open("http://c.test:81/2", fake()).io, first.io);
  assert.equal(open("http://c.test/2", fake()).io, first.io);
});

test("the_query_of_the_address_goes_with_every_connection", () => {
  const opts = fake({ forceNew: true });
  const socket = open("http://d.test/abc?b=c&d=%26", opts);
  assert.equal(socket.nsp, "/abc");
  const { b, d } = FakeTransport.last.query;
  assert.deepEqual({ b, d }, { b: "c", d: "&" });
  assert.deepEqual(opts.query, { b: "c", d: "&" });
});

test("options_alone_mean_the_page", () => {
  (globalThis as any).location = new URL("https://page.test:444/dir/");
  try {
    const socket = open(fake({ forceNew: true }));
    assert.equal(socket.nsp, "/");
    const { hostname, port, secure } = FakeTransport.last.opts;
    assert.deepEqual({ hostname, port, secure }, { hostname: "page.test", port: "444", secure: true });
    assert.equal(open("/nsp", fake({ forceNew: true })).nsp, "/nsp");
    assert.equal(FakeTransport.last.opts.hostname, "page.test");
  } finally {
    delete (globalThis as any).location;
  }
});

test("auto_connect_false_does_nothing_until_connect", () => {
  const socket = open("http://e.test", fake({ autoConnect: false }));
  assert.equal(socket.io.engine, undefined);
  assert.equal(socket.active, false);
  socket.disconnect();
  socket.connect();
  assert.equal(FakeTransport.all.length, 1);
});

test("options_are_the_ones_that_were_given", () => {
  const opts = fake({ forceNew: true, auth: { a: 1 } });
  const socket = open("http://f.test", opts);
  assert.equal(socket.io.opts, opts);
  assert.equal(socket.auth, opts.auth);
});
