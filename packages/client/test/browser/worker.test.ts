/** What is special where there is no page: runs in a dedicated worker and in a service worker. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { next, numbers, open, start, WAYS, type Server } from "../server/util.js";

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

for (const [way, opts] of WAYS) {
  test(way + ": a conversation without a page", async () => {
    assert.equal(typeof (globalThis as any).document, "undefined");
    const socket = open(server.url, opts);
    assert.deepEqual(numbers(await socket.emitWithAck("echo", Uint8Array.of(1, 2, 3))), [1, 2, 3]);
    const received: number[] = [];
    socket.on("echo", (n: number) => received.push(n));
    for (let n = 0; n < 1000; n++) socket.emit("echo", n);
    await socket.emitWithAck("echo");
    assert.deepEqual(received, Array.from({ length: 1000 }, (_, n) => n));
    const chat = socket.io.socket("/chat");
    assert.equal((await chat.emitWithAck("whoami")).nsp, "/chat");
    socket.io.engine.close();
    await next(socket, "connect");
    chat.disconnect();
  });
}
