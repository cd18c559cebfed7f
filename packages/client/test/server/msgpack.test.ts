/** The msgpack parser against a server that speaks it too; needs a server that can be started with a flag. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as msgpack from "../../src/msgpack.js";
import { canStart, next, numbers, open, start, WAYS, type Server } from "./util.js";

if (canStart) {
  let server: Server;
  before(async () => {
    server = await start(["--parser", "msgpack"]);
  });
  after(() => server.stop());

  for (const [way, opts] of WAYS) {
    test(way + ": events, acks, bytes and dates in msgpack", async () => {
      const socket = open(server.url, { ...opts, parser: msgpack });
      const [{ id, recovered }] = await next(socket, "welcome");
      assert.deepEqual([id, recovered], [socket.id, false]);
      const values = [1, -1.5, 2 ** 40, "é€𝒳", null, true, [[], {}], { a: { b: "c" } }];
      const answer = await new Promise<any[]>((resolve) => socket.emit("echo", ...values, (...args: any[]) => resolve(args)));
      assert.deepEqual(answer, values);
      const bytes = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251);
      const mixed = await socket.emitWithAck("echo", { deep: [bytes, bytes.subarray(3, 5)] });
      assert.deepEqual(numbers(mixed.deep[0]), [...bytes]);
      assert.deepEqual(numbers(mixed.deep[1]), [3, 4]);
      socket.on("question", (question: string, ack: (answer: any) => void) => ack(question.toUpperCase()));
      socket.emit("ask-me", "why");
      assert.deepEqual(await next(socket, "answer"), ["WHY"]);
    });

    test(way + ": ten thousand events there and back in msgpack", async () => {
      const socket = open(server.url, { ...opts, parser: msgpack });
      let received = 0;
      let disorder = 0;
      socket.on("echo", (n: number) => {
        if (n !== received++) disorder++;
      });
      for (let n = 0; n < 10_000; n++) socket.emit("echo", n);
      await socket.emitWithAck("echo");
      assert.deepEqual([received, disorder], [10_000, 0]);
    });
  }

  test("namespaces and refusals in msgpack", async () => {
    const refused = open(server.url + "/protected", { parser: msgpack });
    const [error] = await next(refused, "connect_error");
    assert.deepEqual([error.message, error.data], ["unauthorized", { code: 401 }]);
    const admitted = open(server.url + "/protected", { parser: msgpack, auth: { token: "secret" } });
    await next(admitted, "connect");
    assert.equal((await admitted.emitWithAck("whoami")).nsp, "/protected");
  });

  test("a client of the other parser is told, not left waiting", async () => {
    const socket = open(server.url, { reconnection: false, transports: ["websocket"] });
    const reason = await new Promise((resolve) => {
      socket.on("connect_error", (err: Error) => resolve(err.message));
      socket.on("disconnect", resolve);
      socket.io.on("close", resolve);
    });
    assert.ok(reason);
  });
}
