/** Events, acknowledgements and binary, over each transport. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { next, numbers, open, start, until, WAYS, type Server } from "./util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

for (const [way, opts] of WAYS) {
  const connect = () => open(server.url, opts);

  test(way + ": welcome, id and state", async () => {
    const socket = connect();
    assert.equal(socket.connected, false);
    const [[welcome]] = await Promise.all([next(socket, "welcome"), next(socket, "connect")]);
    assert.equal(socket.connected, true);
    assert.equal(welcome.id, socket.id);
    assert.notEqual(socket.id, socket.io.engine.id);
    assert.equal(welcome.recovered, false);
  });

  test(way + ": echo of every kind of value", async () => {
    const socket = connect();
    const values = [1, -0.5, "a", "てすと 𝄞", "", null, true, false, { a: [1, { b: null }] }, [], {}, "a".repeat(50_000)];
    socket.emit("echo", ...values);
    assert.deepEqual(await next(socket, "echo"), values);
    assert.deepEqual(await socket.emitWithAck("echo", { date: new Date(0), gone: undefined }), { date: "1970-01-01T00:00:00.000Z" });
  });

  test(way + ": what is emitted in the tick of the connect call is answered", async () => {
    const socket = connect();
    const answers = await Promise.all([1, 2, 3].map((n) => socket.emitWithAck("echo", n)));
    assert.deepEqual(answers, [1, 2, 3]);
  });

  test(way + ": what is emitted in the connect listener is answered", async () => {
    const socket = connect();
    const answer = await new Promise((resolve) => socket.on("connect", () => socket.emit("echo", "first", resolve)));
    assert.equal(answer, "first");
  });

  test(way + ": acknowledgements both ways, with several arguments", async () => {
    const socket = connect();
    const answer = await new Promise((resolve) => socket.emit("echo", 1, "b", [3], (...args: any[]) => resolve(args)));
    assert.deepEqual(answer, [1, "b", [3]]);
    socket.on("question", (question: string, ack: any) => ack(question + "!"));
    socket.emit("ask-me", "well");
    assert.deepEqual(await next(socket, "answer"), ["well!"]);
  });

  test(way + ": a time-out of an acknowledgement", async () => {
    const socket = connect();
    await next(socket, "connect");
    await assert.rejects(socket.timeout(50).emitWithAck("sleep", 5000, 1), /timed out/);
    assert.equal(await socket.timeout(5000).emitWithAck("sleep", 10, "slept"), "slept");
  });

  test(way + ": binary in every shape, nested, both ways", async () => {
    const socket = connect();
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const [a, nested, rest] = await new Promise<any[]>((resolve) =>
      socket.emit(
        "echo",
        bytes,
        { b: [bytes.buffer, { c: bytes.subarray(1, 3) }], text: "t" },
        [new DataView(bytes.buffer, 2, 2), new Blob(["blob"]), new TextEncoder().encode("buffer"), new Uint8Array(0)],
        (...args: any[]) => resolve(args),
      ),
    );
    const all = Array.from(bytes);
    assert.deepEqual(numbers(a), all);
    assert.deepEqual(numbers(nested.b[0]), all);
    assert.deepEqual(numbers(nested.b[1].c), [1, 2]);
    assert.equal(nested.text, "t");
    assert.deepEqual(rest.map(numbers), [[2, 3], [...new TextEncoder().encode("blob")], [...new TextEncoder().encode("buffer")], []]);
    socket.on("question", (question: any, ack: any) => ack({ echoed: question }));
    socket.emit("ask-me", bytes);
    const [answer] = await next(socket, "answer");
    assert.deepEqual(numbers(answer.echoed), all);
  });

  test(way + ": binary events keep their place among the others", async () => {
    const socket = connect();
    const seen: any[] = [];
    socket.on("echo", (n: number, data: any) => seen.push([n, typeof data == "string" ? data : numbers(data)[0]]));
    const kinds = (n: number) => [Uint8Array.of(n), "text", new Blob([Uint8Array.of(n)]), "other"][n % 4];
    for (let n = 0; n < 100; n++) socket.emit("echo", n, kinds(n));
    await socket.emitWithAck("echo");
    assert.deepEqual(seen, Array.from({ length: 100 }, (_, n) => [n, n % 4 == 1 ? "text" : n % 4 == 3 ? "other" : n]));
  });

  test(way + ": the events and the values of the server's catch-all", async () => {
    const socket = connect();
    socket.emit("constructor", 1, 2);
    assert.deepEqual(await next(socket, "unknown"), ["constructor", 2]);
    socket.send("a message");
    assert.deepEqual(await next(socket, "unknown"), ["message", 1]);
  });

  test(way + ": the transport's name", async () => {
    const socket = connect();
    if (way == "upgrade") {
      await next(socket.io, "open");
      const upgraded = next(socket.io.engine, "upgrade");
      assert.equal((await upgraded)[0].name, "websocket");
    }
    const { transport, protocol, nsp, id } = await socket.emitWithAck("whoami");
    const expected = way == "polling" ? "polling" : "websocket";
    assert.deepEqual({ transport, protocol, nsp, id }, { transport: expected, protocol: 4, nsp: "/", id: socket.id });
    assert.equal(socket.io.engine.transport.name, expected);
  });

  test(way + ": volatile events are sent when the way is free", async () => {
    const socket = connect();
    socket.volatile.emit("echo", "dropped: not connected");
    const seen: any[] = [];
    socket.on("echo", (value: any) => seen.push(value));
    await next(socket, "connect");
    await socket.emitWithAck("echo");
    await until(() => socket.io.engine.transport.name == (way == "polling" ? "polling" : "websocket"));
    while (!socket.io.engine.transport.writable) await new Promise((resolve) => setTimeout(resolve, 0));
    socket.volatile.emit("echo", "sent");
    socket.volatile.emit("echo", "dropped: busy");
    await socket.emitWithAck("echo");
    assert.deepEqual(seen, ["sent"]);
  });

  test(way + ": a large message and a large attachment", async () => {
    const socket = connect();
    const text = "é".repeat(200_000);
    assert.equal(await socket.emitWithAck("echo", text), text);
    const bytes = new Uint8Array(500_000).map((_, i) => i % 251);
    assert.deepEqual(numbers(await socket.emitWithAck("echo", bytes)), Array.from(bytes));
  });
}
