/** How a socket joins its namespace and leaves it: credentials, refusals, disconnections, recovery. */
import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { FakeTransport, connected, fakeManager, faked, fixed, reconnect, settle } from "./fake.js";

faked();

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
