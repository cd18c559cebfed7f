/** Servers that die, freeze, stop and come back, and servers with other limits. Needs `--start`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { canStart, next, open, start, until, wait, WAYS, without, type Server } from "./util.js";

const servers: Server[] = [];

async function serve(flags: string[] = [], port?: number): Promise<Server> {
  const server = await start(flags, port);
  servers.push(server);
  return server;
}

const endAll = () => Promise.all(servers.splice(0).map((server) => server.kill()));

for (const [way, opts] of canStart ? WAYS : []) {
  test(way + ": a server that is killed and started again", async (t) => {
    t.after(endAll);
    const server = await serve();
    const socket = open(server.url, opts);
    const chat = socket.io.socket("/chat");
    await Promise.all([socket.emitWithAck("echo"), chat.emitWithAck("echo")]);
    const reasons: string[] = [];
    socket.on("disconnect", (reason: string) => reasons.push(reason));
    await server.kill();
    await until(() => !socket.connected && !chat.connected);
    assert.match(reasons[0], /^transport (close|error)$/);
    const attempts = next(socket.io, "reconnect_attempt");
    const order: any[] = [];
    const answers = Array.from({ length: 50 }, (_, n) => socket.emitWithAck("echo", n).then((value: any) => order.push(value)));
    const lost = socket.timeout(100).emitWithAck("echo", "too late").catch((err: Error) => err.message);
    assert.match(await lost, /timed out/);
    await attempts;
    await serve([], server.port);
    await Promise.all(answers);
    assert.deepEqual(order, Array.from({ length: 50 }, (_, n) => n));
    assert.equal((await chat.emitWithAck("whoami")).nsp, "/chat");
  });

  test(way + ": a server that stops in good order", async (t) => {
    t.after(endAll);
    const server = await serve();
    const socket = open(server.url, opts);
    await socket.emitWithAck("echo");
    const lost = next(socket, "disconnect");
    await server.stop();
    assert.match((await lost)[0], /^transport (close|error)$/);
    assert.equal(socket.active, true);
    await serve([], server.port);
    assert.equal(await socket.emitWithAck("echo", "back"), "back");
  });

  test(way + ": a server that freezes is noticed by the heartbeat", async (t) => {
    t.after(endAll);
    // Long enough for the answer of a slow machine, short enough to be waited for.
    const server = await serve(["--ping-interval", "100", "--ping-timeout", "3000"]);
    const socket = open(server.url, opts);
    const lost = next(socket, "disconnect", 30_000);
    await socket.emitWithAck("echo");
    for (let pings = 0; pings < 3; pings++) await next(socket.io, "ping");
    assert.equal(socket.connected, true, "heartbeats keep it");
    await server.freeze();
    assert.equal((await lost)[0], "ping timeout");
    await server.thaw();
    assert.equal(await socket.emitWithAck("echo", "back"), "back");
  });

  test(way + ": a small payload limit", async (t) => {
    t.after(endAll);
    const server = await serve(["--max-http-buffer-size", "1000"]);
    const socket = open(server.url, opts);
    let losses = 0;
    socket.on("disconnect", () => losses++);
    await next(socket, "connect");
    const seen: any[] = [];
    socket.on("echo", (n: number, value: any) => seen.push(n));
    for (let n = 0; n < 200; n++) socket.emit("echo", n, n % 3 ? "x".repeat(100 + n) : new Uint8Array(100));
    await socket.emitWithAck("echo");
    assert.deepEqual(seen, Array.from({ length: 200 }, (_, n) => n));
    assert.equal(losses, 0);
  });

  if (without !== "recovery") {
    test(way + ": the state of a connection is recovered", async (t) => {
      t.after(endAll);
      const server = await serve(["--recovery", "60000"]);
      const socket = open(server.url, { ...opts, reconnectionDelay: 300 });
      const other = open(server.url);
      await socket.emitWithAck("join", "room");
      const [welcome] = await Promise.all([other.emitWithAck("whoami"), socket.emitWithAck("echo")]);
      assert.equal(welcome.recovered, false);
      const { id } = socket;
      const heard: any[] = [];
      socket.on("msg", (text: string) => heard.push(text));
      await other.emitWithAck("room", "room", "before");
      await until(() => heard.length == 1);
      socket.io.engine.close();
      await wait(50);
      await other.emitWithAck("room", "room", "missed");
      await next(socket, "connect");
      await until(() => heard.length == 2);
      assert.deepEqual(heard, ["before", "missed"]);
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      assert.equal((await socket.emitWithAck("rooms")).includes("room"), true);
    });
  }
}

if (canStart) {
  test("a server without WebSocket", async (t) => {
    t.after(endAll);
    const server = await serve(["--transports", "polling"]);
    const socket = open(server.url);
    await socket.emitWithAck("echo");
    await wait(100);
    assert.equal(socket.io.engine.transport.name, "polling");
    const refused = open(server.url, { transports: ["websocket"] });
    assert.equal((await next(refused, "connect_error"))[0].message, "websocket error");
  });

  test("giving up, and trying again", async (t) => {
    t.after(endAll);
    const server = await serve();
    const socket = open(server.url, { reconnectionAttempts: 2, reconnectionDelay: 10 });
    await next(socket, "connect");
    const failed = next(socket.io, "reconnect_failed");
    await server.kill();
    await failed;
    assert.equal(socket.connected, false);
    await serve([], server.port);
    socket.connect();
    await next(socket, "connect");
  });
}
