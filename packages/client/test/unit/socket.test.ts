/** The events of a socket, both ways: what is sent, what may be dropped, and who hears it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FakeTransport, connected, fakeManager, faked, fixed, reconnect, settle } from "./fake.js";

faked();

test("events_both_ways", async () => {
  const { socket, transport } = await connected();
  const events: any[] = [];
  socket.on("news", (...args: any[]) => events.push(args));
  transport.receive('42["news",1,{"a":2}]', '42/other,["news",3]');
  socket.emit("hi", 1, [2]).send("text", 3);
  await settle();
  assert.deepEqual(events, [[1, { a: 2 }]]);
  assert.deepEqual(transport.sent, ['42["hi",1,[2]]', '42["message","text",3]']);
});

test("namespaces_hear_only_their_own", async () => {
  const { manager, socket, transport } = await connected({}, "/a");
  const other = manager.socket("/b");
  transport.receive('40/b,{"sid":"id-b"}');
  await settle();
  const events: any[] = [];
  socket.on("x", (n: any) => events.push("a" + n));
  other.on("x", (n: any) => events.push("b" + n));
  transport.receive('42/a,["x",1]', '42/b,["x",2]', '42["x",3]');
  await settle();
  assert.deepEqual(events, ["a1", "b2"]);
});

test("reserved_names_throw", async () => {
  const { socket } = await connected();
  for (const name of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]) {
    assert.throws(() => socket.emit(name), new RegExp(`"${name}" is a reserved event name`));
  }
});

test("what_is_emitted_offline_leaves_at_the_next_connect_in_order", async () => {
  const { socket, transport } = await connected(fixed);
  transport.lose();
  socket.emit("a").emit("b", 2);
  assert.equal(socket.sendBuffer.length, 2);
  socket.on("connect", () => socket.emit("c"));
  const second = await reconnect();
  assert.deepEqual(second.sent, ['42["a"]', '42["b",2]', '42["c"]']);
  assert.equal(socket.sendBuffer.length, 0);
});

test("volatile_events_go_now_or_never", async () => {
  const { socket, transport } = await connected(fixed);
  transport.autoDrain = false;
  socket.volatile.emit("sent");
  socket.volatile.emit("dropped: the transport is busy");
  transport.drain();
  socket.volatile.emit("binary", Uint8Array.of(1));
  transport.drain();
  transport.lose();
  socket.volatile.emit("dropped: offline");
  socket.emit("kept");
  const second = await reconnect();
  assert.deepEqual(transport.batches.map(([head]) => head), ['42["sent"]', '451-["binary",{"_placeholder":true,"num":0}]']);
  assert.deepEqual(second.sent, ['42["kept"]']);
});

test("volatile_before_the_connect_is_dropped", async () => {
  const manager = fakeManager();
  const socket = manager.socket("/");
  socket.volatile.emit("a");
  FakeTransport.last.handshake();
  await settle();
  socket.volatile.emit("b");
  assert.equal(socket.sendBuffer.length, 0);
  manager._close();
});

test("flags_are_for_one_event", async () => {
  const { manager, socket } = await connected();
  const compress: any[] = [];
  manager.engine.on("packetCreate", (packet) => compress.push(packet.options!.compress));
  socket.compress(false).emit("a");
  socket.emit("b").compress(true).emit("c");
  assert.deepEqual(compress, [false, true, true]);
});

test("a_throttled_timer_makes_an_emit_wait_for_the_next_connection", async () => {
  const { manager, socket, transport } = await connected(fixed);
  const reasons: any[] = [];
  socket.on("disconnect", (reason) => reasons.push(reason));
  manager.engine._pingTimeoutTime = Date.now() - 1;
  socket.emit("a", 1);
  assert.deepEqual(transport.sent, []);
  await settle();
  assert.deepEqual(reasons, ["ping timeout"]);
  assert.deepEqual((await reconnect()).sent, ['42["a",1]']);
});

test("catch_all_listeners_come_first_in_their_order", async () => {
  const { socket, transport } = await connected();
  const log: any[] = [];
  const second = () => log.push("second");
  socket.on("x", () => log.push("own"));
  socket.onAny((event, ...args) => log.push([event, args]));
  socket.onAny(second);
  socket.prependAny(() => log.push("first"));
  assert.equal(socket.listenersAny().length, 3);
  transport.receive('42["x",1]');
  await settle();
  assert.deepEqual(log.splice(0), ["first", ["x", [1]], "second", "own"]);
  socket.offAny(second).offAny(() => {});
  assert.equal(socket.listenersAny().length, 2);
  socket.offAny();
  transport.receive('42["x",1]');
  await settle();
  assert.deepEqual(log, ["own"]);
});

test("catch_all_outgoing_sees_what_is_sent_when_it_is_sent", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.onAnyOutgoing((...args) => log.push(args));
  socket.prependAnyOutgoing(() => log.push("first"));
  const bytes = Uint8Array.of(1);
  socket.emit("a", bytes, () => {});
  assert.deepEqual(log.splice(0), ["first", ["a", bytes]]);
  assert.equal(log[1]?.[1], undefined);
  transport.lose();
  socket.emit("b");
  assert.deepEqual(log, []);
  await reconnect();
  assert.deepEqual(log, ["first", ["b"]]);
  socket.offAnyOutgoing();
  assert.equal(socket.listenersAnyOutgoing().length, 0);
});

test("an_exception_of_a_listener_surfaces_and_does_not_close_the_connection", async () => {
  const { socket, transport } = await connected();
  const runner = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  const surfaced: Error[] = [];
  process.on("uncaughtException", (err) => surfaced.push(err));
  try {
    socket.on("x", () => {
      throw new Error("the application's");
    });
    transport.receive('42["x"]', '42["y"]');
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of runner) process.on("uncaughtException", listener);
  }
  assert.deepEqual(surfaced.map(({ message }) => message), ["the application's"]);
  assert.equal(socket.connected, true);
});
