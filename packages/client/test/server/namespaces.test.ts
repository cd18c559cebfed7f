/** Namespaces, credentials, refusals, rooms, disconnections. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { manage, next, open, start, until, wait, WAYS, type Server } from "./util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

for (const [way, opts] of WAYS) {
  test(way + ": namespaces share one connection and hear only their own", async () => {
    const manager = manage(server.url, opts);
    const names = ["/", "/chat", "/tenant-7"];
    const sockets = names.map((name) => manager.socket(name));
    const infos = await Promise.all(sockets.map((socket) => socket.emitWithAck("whoami")));
    assert.deepEqual(infos.map(({ nsp }) => nsp), names);
    assert.equal(new Set(infos.map(({ id }) => id)).size, 3);
    assert.equal(new Set(sockets.map((socket) => socket.io.engine)).size, 1);
    const heard: string[] = [];
    sockets.forEach((socket, i) => socket.on("msg", (text: string) => heard.push(names[i] + text)));
    await sockets[1].emitWithAck("broadcast", "!");
    await Promise.all(sockets.map((socket) => socket.emitWithAck("echo")));
    assert.deepEqual(heard, ["/chat!"]);
    sockets[1].disconnect();
    assert.equal(await sockets[0].emitWithAck("echo", "still here"), "still here");
  });

  test(way + ": credentials decide", async () => {
    const refused = open(server.url + "/protected", { ...opts, auth: { token: "wrong" } });
    const [err] = await next(refused, "connect_error");
    assert.equal(err instanceof Error, true);
    assert.equal(err.message, "unauthorized");
    assert.deepEqual(err.data, { code: 401 });
    assert.equal(refused.active, false);
    refused.auth = (cb: any) => cb({ token: "secret" });
    refused.connect();
    await next(refused, "connect");
    assert.equal((await refused.emitWithAck("whoami")).nsp, "/protected");
    const { auth } = await refused.emitWithAck("handshake");
    assert.deepEqual(auth, { token: "secret" });
  });

  test(way + ": an unknown namespace is refused", async () => {
    const socket = open(server.url + "/nowhere", opts);
    const [err] = await next(socket, "connect_error");
    assert.equal(err.message, "Invalid namespace");
    assert.equal(socket.active, false);
    await wait(150);
    assert.equal(socket.io._readyState, "closed", "the last socket has left");
  });

  test(way + ": rooms", async () => {
    const [a, b, c] = [1, 2, 3].map(() => open(server.url + "/chat", opts));
    const heard: any[] = [];
    for (const [name, socket] of Object.entries({ a, b, c })) socket.on("msg", (text: string) => heard.push(name + text));
    await Promise.all([a.emitWithAck("join", "blue"), b.emitWithAck("join", ["blue", "red"]), c.emitWithAck("echo")]);
    assert.deepEqual(await b.emitWithAck("rooms"), [b.id, "blue", "red"].sort());
    await a.emitWithAck("others", "blue", 1);
    await c.emitWithAck("room", "blue", 2);
    await b.emitWithAck("leave", "blue");
    await c.emitWithAck("except", "blue", 3);
    await Promise.all([a, b, c].map((socket) => socket.emitWithAck("echo")));
    assert.deepEqual(heard.sort(), ["a2", "b1", "b2", "b3", "c3"]);
  });

  test(way + ": broadcast acknowledgements", async () => {
    const asker = open(server.url + "/tenant-8", opts);
    const other = open(server.url + "/tenant-8", opts);
    asker.on("question", (_: any, ack: any) => ack("asker"));
    other.on("question", (_: any, ack: any) => ack("other"));
    await Promise.all([asker, other].map((socket) => socket.emitWithAck("echo")));
    const { timedOut, responses } = await asker.emitWithAck("ask-all", "who?", 5000);
    assert.equal(timedOut, false);
    assert.deepEqual(responses.sort(), ["asker", "other"]);
  });

  test(way + ": the server sends a socket away", async () => {
    for (const close of [false, true]) {
      const socket = open(server.url, opts);
      await next(socket, "connect");
      const [reason] = await Promise.all([next(socket, "disconnect"), socket.emit("kick", close)]);
      assert.deepEqual(reason, ["io server disconnect"].concat(reason.slice(1)));
      assert.equal(socket.active, false);
      assert.equal(socket.id, undefined);
      await wait(150);
      assert.equal(socket.connected, false, "it stays away");
      socket.connect();
      await next(socket, "connect");
    }
  });

  test(way + ": leaving is noticed by the others, with its reason", async () => {
    const watcher = open(server.url + "/tenant-9", opts);
    const leaver = open(server.url + "/tenant-9", opts);
    await Promise.all([watcher, leaver].map((socket) => socket.emitWithAck("echo")));
    const { id } = leaver;
    const reasons: any[] = [];
    leaver.on("disconnect", (reason: string) => reasons.push(reason));
    const left = next(watcher, "left");
    leaver.disconnect();
    assert.deepEqual(await left, [id, "client namespace disconnect"]);
    assert.deepEqual(reasons, ["io client disconnect"]);
  });

  test(way + ": what was emitted before a disconnect leaves before it", async () => {
    const socket = open(server.url, opts);
    await socket.emitWithAck("echo");
    const { engine } = socket.io;
    const created: string[] = [];
    engine.on("packetCreate", ({ data }: any) => created.push(data));
    const closed = next(engine, "close");
    socket.emit("echo", 1).emit("echo", 2);
    socket.disconnect();
    assert.equal(engine.readyState, "closing");
    assert.equal((await closed)[0], "forced close");
    assert.deepEqual(created.filter((data) => data), ['2["echo",1]', '2["echo",2]', "1"]);
    assert.deepEqual(engine.writeBuffer, []);
  });

  test(way + ": a lost connection comes back with a new id and what was emitted meanwhile", async () => {
    const socket = open(server.url, opts);
    await next(socket, "connect");
    const { id } = socket;
    const reconnected = next(socket.io, "reconnect");
    // What is still on its way out would hold the close back.
    await until(() => socket.io.engine.writeBuffer.length == 0);
    socket.io.engine.close();
    assert.equal(socket.connected, false);
    const order: number[] = [];
    const answers = [1, 2, 3].map((n) => socket.emitWithAck("echo", n).then((value: number) => order.push(value)));
    assert.deepEqual(await reconnected, [1]);
    await Promise.all(answers);
    assert.deepEqual(order, [1, 2, 3]);
    assert.notEqual(socket.id, id);
    await until(() => socket.sendBuffer.length == 0);
  });

  test(way + ": disconnect and connect in one go", async () => {
    const socket = open(server.url, opts);
    await next(socket, "connect");
    const first = socket.id;
    socket.disconnect().connect();
    await next(socket, "connect");
    assert.notEqual(socket.id, first);
    assert.equal(await socket.emitWithAck("echo", "again"), "again");
  });

  test(way + ": retries deliver in order", async () => {
    const socket = open(server.url, { ...opts, retries: 3, ackTimeout: 2000 });
    const answers: any[] = [];
    const acks = [1, 2, 3].map(
      (n) => new Promise<void>((resolve) => socket.emit("echo", n, (err: any, value: any) => (answers.push([err, value]), resolve()))),
    );
    await Promise.all(acks);
    assert.deepEqual(answers, [[null, 1], [null, 2], [null, 3]]);
  });
}
