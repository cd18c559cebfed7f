/** The engine below: addresses, options, what applications look at. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { freePort, next, open, start, until, wait, type Server } from "./util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

test("the query of the options and of the address arrives", async () => {
  const socket = open(server.url, { query: { "&a": "&=?a", n: 1 } });
  const { query } = await socket.emitWithAck("handshake");
  assert.equal(query["&a"], "&=?a");
  assert.equal(query.n, "1");
  const other = open(server.url + "/chat?b=c%20d&e=f");
  const handshake = await other.emitWithAck("handshake");
  assert.deepEqual([handshake.query.b, handshake.query.e], ["c d", "f"]);
});

test("an address of WebSocket, and one with a slash", async () => {
  assert.equal(await open(server.url.replace("http", "ws")).emitWithAck("echo", 1), 1);
  assert.equal(await open(server.url + "/").emitWithAck("echo", 2), 2);
});

test("the events of an upgrade", async () => {
  const socket = open(server.url);
  const { engine } = socket.io;
  const log: string[] = [];
  engine.on("handshake", () => log.push("handshake"));
  engine.on("open", () => log.push("open"));
  engine.on("upgrading", ({ name }: any) => log.push("upgrading " + name));
  engine.on("upgrade", ({ name }: any) => log.push("upgrade " + name));
  assert.equal(engine.transport.name, "polling");
  await next(engine, "upgrade");
  assert.deepEqual(log, ["handshake", "open", "upgrading websocket", "upgrade websocket"]);
  assert.equal(typeof engine.id, "string");
  await socket.emitWithAck("echo");
});

test("packets and flags as an application sees them", async () => {
  const socket = open(server.url, { transports: ["websocket"] });
  await next(socket, "connect");
  const created: any[] = [];
  socket.io.engine.on("packetCreate", ({ type, data, options }: any) => created.push([type, data, options.compress]));
  socket.compress(false).emit("echo", 1);
  const drained = next(socket.io.engine, "drain");
  socket.emit("echo", 2);
  await drained;
  assert.deepEqual(created, [["message", '2["echo",1]', false], ["message", '2["echo",2]', true]]);
});

test("upgrade: false stays on polling", async () => {
  const socket = open(server.url, { upgrade: false });
  await socket.emitWithAck("echo");
  await wait(100);
  assert.equal(socket.io.engine.transport.name, "polling");
});

test("websocket first, polling in reserve", async () => {
  const socket = open(server.url, { transports: ["websocket", "polling"] });
  await socket.emitWithAck("echo");
  assert.equal(socket.io.engine.transport.name, "websocket");
});

test("base64 on every transport", async () => {
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open(server.url, { transports, forceBase64: true });
    const echoed = await socket.emitWithAck("echo", Uint8Array.of(1, 2, 3));
    assert.deepEqual(Array.from(new Uint8Array(echoed)), [1, 2, 3]);
  }
});

test("nobody is there", async () => {
  const port = await freePort();
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open("http://127.0.0.1:" + port, { transports });
    const [err] = await next(socket, "connect_error");
    assert.equal(err.type, "TransportError");
    assert.match(err.message, transports[0] == "polling" ? /xhr poll error/ : /websocket error/);
    assert.equal(socket.active, true);
    await next(socket.io, "reconnect_error");
  }
});

test("the wrong path is a connect_error with the status", async () => {
  const socket = open(server.url, { path: "/nothing/" });
  const [err] = await next(socket, "connect_error");
  assert.equal(err.message, "xhr poll error");
  assert.equal(err.context.status, err.description);
  if (err.description) {
    assert.equal(err.description, 404);
    assert.equal(err.hint, "not a Socket.IO server");
  } else {
    // In a browser: an answer of another origin that does not allow us.
    assert.match(err.hint, /CORS refused/);
  }
});

test("try all transports", async () => {
  const socket = open(server.url, {
    transports: ["websocket", "polling"],
    tryAllTransports: true,
    transportOptions: { websocket: { path: "/nothing/" } },
  });
  assert.equal(await socket.emitWithAck("echo", 1), 1);
  assert.equal(socket.io.engine.transport.name, "polling");
});

test("a connection is closed when its last socket leaves, on every transport", async () => {
  for (const transports of [["polling"], ["websocket"]]) {
    const socket = open(server.url, { transports });
    await next(socket, "connect");
    const { engine } = socket.io;
    const closed = next(engine, "close");
    socket.disconnect();
    assert.equal((await closed)[0], "forced close");
    assert.equal(engine.readyState, "closed");
  }
});

test("leaving at once", async () => {
  for (const transports of [["polling"], ["websocket"], undefined]) {
    const socket = open(server.url, transports && { transports });
    socket.on("connect_error", () => assert.fail("no error"));
    socket.disconnect();
    await wait(50);
    assert.equal(socket.connected, false);
  }
});

test("a parse error reconnects", async () => {
  const socket = open(server.url, { transports: ["websocket"] });
  await next(socket, "connect");
  const lost = next(socket, "disconnect");
  socket.io.engine.emit("data", "bad");
  assert.equal((await lost)[0], "parse error");
  await next(socket, "connect");
  await until(() => socket.connected);
});
