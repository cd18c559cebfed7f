import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import { FakeTransport, connected, fakeManager, settle } from "./fake.js";

beforeEach(() => {
  FakeTransport.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"] });
});
afterEach(() => mock.timers.reset());

const fixed = { randomizationFactor: 0, reconnectionDelay: 100 };

/** The connection is made again and the namespace joined. */
async function reconnect(connect = '40{"sid":"id-2"}') {
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.sent.length = 0;
  FakeTransport.last.receive(connect);
  await settle();
  return FakeTransport.last;
}

test("connect_joins_with_credentials", async () => {
  for (const [auth, wire] of [
    [undefined, "40"],
    [{ token: "t" }, '40{"token":"t"}'],
    [(cb: any) => cb({ token: "f" }), '40{"token":"f"}'],
  ] as const) {
    FakeTransport.reset();
    const manager = fakeManager();
    manager.socket("/", { auth } as any);
    FakeTransport.last.handshake();
    assert.deepEqual(FakeTransport.last.sent, [wire]);
    manager._close();
  }
});

test("the_credentials_function_is_asked_at_every_connection", async () => {
  let n = 0;
  const asked: any[] = [];
  const { transport, socket } = await connected(fixed, "/", {
    auth(this: any, cb: any) {
      asked.push(this);
      cb({ n: ++n });
    },
  });
  transport.lose();
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ['40{"n":2}']);
  assert.ok(asked.length == 2 && asked.every((self) => self == socket), "as a method of the socket");
});

test("state_before_during_and_after_a_connection", async () => {
  const manager = fakeManager();
  const socket = manager.socket("/");
  assert.deepEqual([socket.id, socket.connected, socket.disconnected, socket.active], [undefined, false, true, true]);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-1"}');
  await settle();
  assert.deepEqual([socket.id, socket.connected, socket.disconnected, socket.active, socket.recovered], ["id-1", true, false, true, false]);
  const events: any[] = [];
  socket.on("disconnect", (reason) => events.push(reason, socket.id, socket.connected));
  socket.disconnect();
  assert.deepEqual(events, ["io client disconnect", undefined, false]);
  assert.equal(socket.active, false);
  socket.close();
  assert.equal(events.length, 3);
});

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

test("acks_are_called_once_with_what_the_other_side_says", async () => {
  const { socket, transport } = await connected();
  const answers: any[] = [];
  socket.emit("a", 1, (...args: any[]) => answers.push(args));
  socket.emit("b", (...args: any[]) => answers.push(args));
  assert.deepEqual(transport.sent, ['420["a",1]']);
  await settle();
  assert.deepEqual(transport.sent, ['420["a",1]', '421["b"]']);
  transport.receive("431[2,3]", "430[]", "430[9]", "4399[]", "43[]");
  await settle();
  assert.deepEqual(answers, [[2, 3], []]);
});

test("answering_an_event_works_once", async () => {
  const { socket, transport } = await connected({}, "/n");
  socket.on("q", (n: number, ack: any) => {
    ack(n + 1);
    ack(n + 2);
  });
  transport.receive('42/n,7["q",1]');
  await settle();
  assert.deepEqual(transport.sent, ["43/n,7[2]"]);
});

test("an_ack_with_binary_is_a_binary_ack", async () => {
  const { socket, transport } = await connected();
  const bytes = Uint8Array.of(1);
  socket.on("q", (ack: any) => ack({ bytes }));
  transport.receive('421["q"]');
  await settle();
  assert.deepEqual(transport.sent, ['461-1[{"bytes":{"_placeholder":true,"num":0}}]', bytes]);
});

test("emit_with_ack", async () => {
  const { socket, transport } = await connected();
  const promise = socket.emitWithAck("a", 1);
  transport.receive("430[5,6]");
  assert.equal(await promise, 5);
});

test("timeout_puts_the_error_first", async () => {
  const { socket, transport } = await connected();
  const answers: any[] = [];
  socket.timeout(50).emit("a", (err: any, value: any) => answers.push([err, value]));
  socket.timeout(50).emit("b", (err: any, value: any) => answers.push([err?.message, value]));
  socket.emit("c", (value: any) => answers.push(value));
  transport.receive("430[1]");
  await settle();
  mock.timers.tick(50);
  transport.receive("431[2]", "432[3]");
  await settle();
  assert.deepEqual(answers, [[null, 1], ["operation has timed out", undefined], 3]);
});

test("timeout_of_a_promise", async () => {
  const { socket } = await connected();
  const promise = socket.timeout(50).emitWithAck("a");
  mock.timers.tick(50);
  await assert.rejects(promise, /operation has timed out/);
});

test("ack_timeout_is_the_default_and_timeout_wins", async () => {
  const { socket } = await connected({}, "/", { ackTimeout: 50 });
  const answers: any[] = [];
  socket.emit("a", (err: any) => answers.push(["a", err?.message]));
  socket.timeout(20).emit("b", (err: any) => answers.push(["b", err?.message]));
  mock.timers.tick(20);
  assert.deepEqual(answers, [["b", "operation has timed out"]]);
  mock.timers.tick(30);
  assert.equal(answers.length, 2);
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

test("a_buffered_event_whose_ack_has_timed_out_is_not_sent", async () => {
  const { socket, transport } = await connected(fixed);
  transport.lose();
  let error: any;
  socket.emit("a");
  socket.timeout(50).emit("b", (err: any) => (error = err));
  mock.timers.tick(50);
  assert.match(error.message, /timed out/);
  mock.timers.tick(50);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-2"}');
  await settle();
  assert.deepEqual(FakeTransport.last.sent, ["40", '42["a"]']);
});

test("a_disconnection_fails_the_acks_that_take_errors_and_drops_the_others", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.emit("plain", () => log.push("plain"));
  socket.timeout(1000).emit("timed", (err: any) => log.push(err.message));
  const promise = socket.emitWithAck("promise").catch((err) => log.push(err.message));
  socket.on("disconnect", (reason) => log.push(reason));
  transport.lose();
  await promise;
  assert.deepEqual(log, ["transport close", "socket has been disconnected", "socket has been disconnected"]);
  mock.timers.tick(10_000);
  await settle();
  assert.equal(log.length, 3);
});

test("the_acks_of_what_was_not_sent_survive_a_disconnection", async () => {
  const { manager, socket, transport } = await connected(fixed);
  transport.lose();
  const answers: any[] = [];
  socket.emit("a", (value: any) => answers.push(value));
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.lose();
  assert.equal(manager._reconnecting, true);
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  FakeTransport.last.receive('40{"sid":"id-3"}', "430[1]");
  await settle();
  assert.deepEqual(answers, [1]);
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

test("events_before_the_connect_are_delivered_right_before_it", async () => {
  const manager = fakeManager();
  const socket = manager.socket("/");
  const log: any[] = [];
  socket.on("connect", () => log.push("connect"));
  socket.on("x", (...args: any[]) => {
    log.push(args.filter((arg) => typeof arg != "function"), socket.connected);
  });
  FakeTransport.last.handshake();
  FakeTransport.last.receive('42["x",1]', '427["x",2]', '40{"sid":"id"}', '42["x",3]');
  await settle();
  assert.deepEqual(log, [[1], true, [2], true, "connect", [3], true]);
});

for (const [how, cut] of [
  ["the_connection_is_cut", (socket: any) => FakeTransport.last.lose()],
  ["the_socket_leaves", (socket: any) => socket.disconnect().connect()],
] as const) {
  test("events_before_a_connect_that_never_comes_are_forgotten_when_" + how, async () => {
    const { socket, transport } = await connected(fixed, "/", {}, "id-1");
    const log: any[] = [];
    socket.on("x", (...args: any[]) => log.push(args));
    transport.lose();
    mock.timers.tick(100);
    FakeTransport.last.handshake();
    FakeTransport.last.receive('42["x","offset-1"]');
    await settle();
    // The offset is still the old one: the server sends the same again.
    cut(socket);
    mock.timers.tick(100);
    FakeTransport.last.handshake();
    FakeTransport.last.receive('42["x","offset-1"]', '40{"sid":"id-2"}');
    await settle();
    assert.deepEqual(log, [["offset-1"]]);
  });
}

test("a_server_disconnect_is_final_until_connect", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.on("disconnect", (reason) => log.push(reason));
  transport.receive("41");
  await settle();
  assert.deepEqual(log, ["io server disconnect"]);
  assert.equal(socket.active, false);
  mock.timers.tick(10_000);
  assert.equal(FakeTransport.all.length, 1);
  socket.connect();
  assert.equal(FakeTransport.all.length, 2);
});

test("a_refusal_is_final_until_connect", async () => {
  const { manager } = await connected(fixed);
  const socket = manager.socket("/no");
  const errors: any[] = [];
  socket.on("connect_error", (err: any) => errors.push(err));
  FakeTransport.last.receive('44/no,{"message":"unauthorized","data":{"code":401}}');
  await settle();
  assert.equal(errors[0] instanceof Error, true);
  assert.equal(errors[0].message, "unauthorized");
  assert.deepEqual(errors[0].data, { code: 401 });
  assert.equal(socket.active, false);
  FakeTransport.last.lose();
  await reconnect();
  assert.deepEqual(FakeTransport.last.sent, []);
  assert.equal(errors.length, 1);
  socket.connect();
  FakeTransport.last.receive('44/no,"Invalid namespace"');
  await settle();
  assert.equal(errors[1].message, "Invalid namespace");
});

test("a_failed_connection_is_a_connect_error_and_is_repeated", async () => {
  const manager = fakeManager(fixed);
  const socket = manager.socket("/");
  const errors: any[] = [];
  socket.on("connect_error", (err) => errors.push(err.message, socket.active));
  FakeTransport.last.fail("refused");
  assert.deepEqual(errors, ["refused", true]);
  mock.timers.tick(100);
  assert.equal(FakeTransport.all.length, 2);
  socket.disconnect();
});

test("an_error_while_connected_is_a_disconnection", async () => {
  const { socket, transport } = await connected(fixed);
  const log: any[] = [];
  socket.on("connect_error", () => log.push("connect_error"));
  socket.on("disconnect", (reason, details) => log.push(reason, (details as Error).message));
  transport.fail("broken pipe");
  assert.deepEqual(log, ["transport error", "broken pipe"]);
});

test("a_server_of_version_2_is_named", async () => {
  const manager = fakeManager();
  const socket = manager.socket("/");
  const errors: any[] = [];
  socket.on("connect_error", (err) => errors.push(err.message));
  FakeTransport.last.handshake();
  FakeTransport.last.receive("40");
  await settle();
  assert.match(errors[0], /Socket\.IO 2/);
  manager._close();
});

test("recovery_tells_the_server_where_it_stopped", async () => {
  const { socket, transport } = await connected(fixed, "/", { auth: { token: "t" } }, "x");
  transport.receive('40{"sid":"id-1","pid":"p1"}');
  transport.receive('42["a",1,"offset-1"]', '42["b",2,"offset-2"]', '423["c","no offset"]', '42["d",5]');
  await settle();
  transport.lose();
  mock.timers.tick(100);
  FakeTransport.last.handshake();
  assert.deepEqual(FakeTransport.last.sent, ['40{"pid":"p1","offset":"offset-2","token":"t"}']);
  const missed: any[] = [];
  socket.onAny((...args) => missed.push(args));
  FakeTransport.last.receive('42["e","offset-3"]', '40{"sid":"id-1","pid":"p1"}');
  await settle();
  assert.equal(socket.recovered, true);
  assert.deepEqual(missed, [["e", "offset-3"]]);
  FakeTransport.last.lose();
  await reconnect('40{"sid":"id-9","pid":"p9"}');
  assert.equal(socket.recovered, false);
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
