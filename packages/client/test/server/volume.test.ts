/** Ten thousand events each way, in order, on each transport; also while the transport changes. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { next, numbers, open, start, WAYS, type Server } from "./util.js";

const COUNT = 10_000;

let server: Server;
before(async () => {
  server = await start();
});
after(() => server.stop());

for (const [way, opts] of WAYS) {
  test(way + ": ten thousand events there and back", async () => {
    const socket = open(server.url, opts);
    let received = 0;
    let disorder = 0;
    const done = new Promise<void>((resolve) => {
      socket.on("echo", (n: number) => {
        if (n !== received++) disorder++;
        if (received == COUNT) resolve();
      });
    });
    // Some at once, before there is a connection, some in waves, so that they meet the upgrade.
    for (let n = 0; n < COUNT; n++) {
      socket.emit("echo", n);
      if (n % 500 == 0) await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await done;
    assert.deepEqual([received, disorder], [COUNT, 0]);
  });

  test(way + ": ten thousand events from the server", async () => {
    const socket = open(server.url, opts);
    let received = 0;
    let disorder = 0;
    socket.on("tick", (n: number) => {
      if (n !== received++) disorder++;
    });
    socket.emit("flood", COUNT, 10);
    assert.deepEqual(await next(socket, "ticked", 30_000), [COUNT]);
    assert.deepEqual([received, disorder], [COUNT, 0]);
  });

  test(way + ": a thousand binary events there and back", async () => {
    const socket = open(server.url, opts);
    const order: number[] = [];
    socket.on("echo", (data: any) => order.push(numbers(data).reduce((sum, byte) => sum * 256 + byte, 0)));
    for (let n = 0; n < 1000; n++) socket.emit("echo", Uint8Array.of(n >> 8, n & 255));
    await socket.emitWithAck("echo");
    assert.deepEqual(order, Array.from({ length: 1000 }, (_, n) => n));
  });
}
