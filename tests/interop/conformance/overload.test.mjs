// Clients that do not read what they are sent, and clients that send faster than they may.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { start } from "../lib/testbed.mjs";
import { RawWebSocket } from "../lib/websocket.mjs";

const COUNT = 40_000;
const BYTES = 1_000;

/** A server with these flags, a client that has joined it, and a second one that watches. */
async function withClients(flags, run) {
  const bed = await start("app", ...flags);
  const sockets = [];
  const join = async () => {
    const socket = await RawWebSocket.session(bed.port);
    sockets.push(socket);
    socket.send("40");
    await socket.text();
    await socket.text();
    return socket;
  };
  try {
    await run(await join(), await join());
  } finally {
    sockets.forEach((socket) => socket.destroy());
    bed.kill();
  }
}

/** How many connections the server has. */
async function clients(watcher) {
  watcher.send('421["stats"]');
  for (;;) {
    const packet = await watcher.text();
    if (packet.startsWith("431")) return JSON.parse(packet.slice(3))[0].clients;
  }
}

/** Asks for ticks, far more than the system keeps for a client that does not read; which ones come when it reads again. */
async function ticks(socket, watcher, event) {
  socket.tcp.pause();
  socket.send(`42["${event}",${COUNT},${BYTES}]`);
  await clients(watcher);
  socket.tcp.resume();
  const numbers = [];
  for (;;) {
    const [name, number] = JSON.parse((await socket.text()).slice(2));
    if (name === "ticked") return { numbers, asked: number };
    assert.equal(name, "tick");
    assert.ok(numbers.length === 0 || number > numbers.at(-1), `${number} after ${numbers.at(-1)}`);
    numbers.push(number);
  }
}

const bound = ["--max-outbox", "1000000"];

describe("a client that does not read", () => {
  for (const flags of [[], ["--slow-client", "close"], ["--slow-client", "drop-volatile"]]) {
    test(`is closed when more waits than may: ${flags.join(" ") || "by default"}`, () =>
      withClients([...bound, ...flags], async (socket, watcher) => {
        socket.tcp.pause();
        socket.send(`42["flood",${COUNT},${BYTES}]`);
        while ((await clients(watcher)) > 1);
      }));
  }

  test("loses the oldest events where that is wanted, and nothing else", () =>
    withClients([...bound, "--slow-client", "drop-oldest"], async (socket, watcher) => {
      const { numbers, asked } = await ticks(socket, watcher, "flood");
      assert.equal(asked, COUNT);
      assert.equal(numbers.at(-1), COUNT - 1);
      assert.ok(numbers.length < COUNT, "none was given up");
      assert.equal(await clients(watcher), 2);
    }));

  for (const policy of ["close", "drop-volatile", "drop-oldest"]) {
    test(`loses volatile events only: ${policy}`, () =>
      withClients([...bound, "--slow-client", policy], async (socket, watcher) => {
        const { numbers, asked } = await ticks(socket, watcher, "volatile");
        assert.equal(asked, COUNT);
        assert.ok(numbers.length < COUNT, "none was lost");
        assert.equal(await clients(watcher), 2);
      }));
  }
});

describe("a client that sends faster than it may", () => {
  test("is slowed and answered in order, and others are not slowed", () =>
    withClients(["--rate-limit", "50"], async (socket, watcher) => {
      const begun = performance.now();
      for (let n = 0; n < 200; n++) socket.send(`42${n}["echo",${n}]`);
      await clients(watcher);
      const others = performance.now() - begun;
      for (let n = 0; n < 200; n++) assert.equal(await socket.text(), `43${n}[${n}]`);
      const took = performance.now() - begun;
      assert.ok(took > 1_500, `200 events at 50 a second took ${took} ms`);
      assert.ok(others < took / 2, `another's answer took ${others} ms of ${took} ms`);
    }));
});
