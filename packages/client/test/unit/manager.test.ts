/** What a manager is asked for, how it opens, and how a connection under it ends. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Manager } from "../../src/manager.js";
import { FakeTransport, connected, fakeManager, faked, fixed, record, settle } from "./fake.js";

faked();

test("options_have_the_official_defaults_and_accessors", () => {
  const manager = fakeManager({ autoConnect: false });
  assert.equal(manager.reconnection(), true);
  assert.equal(manager.reconnectionAttempts(), Infinity);
  assert.equal(manager.reconnectionDelay(), 1000);
  assert.equal(manager.reconnectionDelayMax(), 5000);
  assert.equal(manager.randomizationFactor(), 0.5);
  assert.equal(manager.timeout(), 20000);
  assert.equal(manager.opts.path, "/socket.io");
  assert.equal(manager.reconnectionDelay(7), manager);
  assert.equal(manager.reconnectionDelay(), 7);
  assert.equal(manager.timeout(false).timeout(), false);
  assert.equal(manager.reconnection(false).reconnection(), false);
  assert.equal(FakeTransport.all.length, 0, "autoConnect: false");
});

test("options_alone_are_enough", () => {
  const manager = new Manager({ transports: [FakeTransport], host: "example.com", port: 99 } as any);
  assert.equal(FakeTransport.last.opts.hostname, "example.com");
  assert.equal(FakeTransport.last.opts.port, 99);
  manager.disconnect();
});

test("open_while_open_does_nothing", () => {
  const manager = fakeManager();
  manager.open().connect();
  FakeTransport.last.handshake();
  manager.open();
  assert.equal(FakeTransport.all.length, 1);
});

test("a_listener_of_open_may_close_and_open_again", async () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  const log = record(manager);
  manager.once("open", () => socket.disconnect().connect());
  const first = FakeTransport.last;
  first.handshake();
  const second = FakeTransport.last;
  assert.notEqual(first, second);
  second.handshake();
  await settle();
  assert.equal(first.closed, 1, "when it has let out what was written");
  second.receive('40{"sid":"s"}');
  await settle();
  mock.timers.tick(400);
  assert.equal(socket.connected, true);
  assert.equal(FakeTransport.all.length, 2, "no reconnection was needed");
  assert.deepEqual(log, [["open", undefined], ["close", "forced close"], ["open", undefined]]);
});

test("a_connection_that_a_listener_of_open_closes_is_made_again", () => {
  const manager = fakeManager(fixed);
  const log = record(manager);
  manager.once("open", () => manager.engine.close());
  FakeTransport.last.handshake();
  assert.deepEqual(log, [["open", undefined], ["close", "forced close"]]);
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 2);
});

test("every_way_to_lose_a_connection_but_our_own_reconnects", async () => {
  const ways: [string, (t: FakeTransport) => void][] = [
    ["transport close", (t) => t.lose()],
    ["transport close", (t) => t.receive("1")],
    ["transport error", (t) => t.fail()],
    ["parse error", (t) => t.receive("4nonsense")],
    ["parse error", (t) => t.receive(Uint8Array.of(1).buffer)],
    ["ping timeout", () => mock.timers.tick(500)],
    ["forced close", (t) => (t as any).socket.close()],
  ];
  for (const [reason, lose] of ways) {
    FakeTransport.reset();
    const manager = fakeManager(fixed);
    FakeTransport.last.handshake();
    const reasons: string[] = [];
    manager.on("close", (reason) => reasons.push(reason));
    lose(FakeTransport.last);
    await settle();
    assert.deepEqual(reasons, [reason]);
    mock.timers.tick(100);
    assert.equal(FakeTransport.all.length, 2, reason);
    manager._close();
    await settle();
  }
});

test("a_parse_error_closes_the_engine_and_forgets_what_was_half_read", async () => {
  const { manager, socket, transport } = await connected(fixed);
  const reasons: any[] = [];
  socket.on("disconnect", (reason, details) => reasons.push(reason, (details as Error)?.message));
  transport.receive('451-["a",{"_placeholder":true,"num":0}]', '42["b"]');
  assert.deepEqual(reasons, ["parse error", "invalid packet"]);
  assert.equal(transport.closed, 1);
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}', '42["c"]');
  const events: any[] = [];
  socket.onAny((...args) => events.push(args));
  await settle();
  assert.deepEqual(events, [["c"]]);
  manager._close();
});

test("a_disconnection_in_the_payload_of_a_close_packet_counts", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.on("x", () => log.push("x"));
  socket.on("disconnect", (reason) => log.push(reason));
  transport.receive('42["x"]', "41", "1");
  await settle();
  assert.deepEqual(log, ["x", "io server disconnect"]);
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
});
