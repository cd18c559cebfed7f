// The official client when the server goes away and comes back: what it buffers arrives, what it was
// told holds, and a shutdown does not tell it to stay away.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { ask, Clients, next, TRAVELS, VERSIONS } from "../lib/clients.mjs";
import { launch, start } from "../lib/testbed.mjs";
import { sleep } from "../lib/util.mjs";

async function again(port) {
  const bed = launch("--profile", "app", "--port", String(port));
  assert.equal(await bed.line(), `listening on 127.0.0.1:${port}`, bed.errors());
  return bed;
}

for (const [travel, transports] of Object.entries(TRAVELS)) {
  describe(`a server that comes back, ${travel}`, () => {
    const beds = [];
    const clients = [];
    after(async () => {
      for (const each of clients) each.close();
      for (const bed of beds) await bed.kill();
    });

    for (const [how, end] of [
      ["killed", (bed) => bed.kill()],
      ["asked to end", (bed) => bed.stop()],
    ]) {
      test(`${how} and restarted: every client is back by itself, with what it emitted meanwhile`, async () => {
        const bed = await start("app");
        beds.push(bed);
        const mine = Object.values(VERSIONS).map((io) => new Clients(bed, io, transports));
        clients.push(...mine);
        const sockets = await Promise.all(mine.map((each) => each.connect()));
        const ids = sockets.map(({ id }) => id);
        const gone = sockets.map((socket) => next(socket, "disconnect", 15_000));
        await end(bed);
        for (const [reason] of await Promise.all(gone)) {
          assert.notEqual(reason, "io server disconnect", "that would keep it from coming back");
        }
        const answers = sockets.map((socket) => next(socket, "echo", 20_000));
        for (const socket of sockets) {
          socket.emit("echo", "meanwhile", Buffer.from([1]));
          socket.volatile.emit("echo", "lost");
        }
        const back = sockets.map((socket) => next(socket, "connect", 20_000));
        await sleep(200);
        beds.push(await again(bed.port));
        await Promise.all(back);
        for (const [text, bytes] of await Promise.all(answers)) {
          assert.equal(text, "meanwhile");
          assert.deepEqual([...bytes], [1]);
        }
        sockets.forEach((socket, i) => assert.notEqual(socket.id, ids[i]));
        for (const socket of sockets) assert.deepEqual(await ask(socket, "echo", 1), [1]);
      });
    }

    test("what was emitted before the server ends is delivered first", async () => {
      const bed = await start("app");
      beds.push(bed);
      const mine = new Clients(bed, VERSIONS["4.8"], transports);
      clients.push(mine);
      const socket = await mine.connect();
      let ticks = 0;
      socket.on("tick", () => ticks++);
      await ask(socket, "echo");
      const gone = next(socket, "disconnect", 15_000);
      socket.emit("flood", 300, 100);
      // Over polling the event may still be on its way.
      await next(socket, "tick");
      await bed.stop();
      await gone;
      assert.equal(ticks, 300);
    });
  });
}
