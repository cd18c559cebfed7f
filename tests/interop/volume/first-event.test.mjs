// No first event is ever lost: a client that emits in the same batch as its CONNECT, or the instant the
// reply arrives, is answered, on every transport, every time. And no order is ever broken.
//
// The official server closes a connection whose event comes in the batch of its CONNECT.
//
// ENCHUFE_FIRST_EVENTS says how many times in all (10,000 unless told), ENCHUFE_AT_ONCE how many go on
// at a time.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { keepAlive, Polling, request } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { RawWebSocket, texts } from "../lib/websocket.mjs";

const TOTAL = Number(process.env.ENCHUFE_FIRST_EVENTS ?? 10_000);
const AT_ONCE = Number(process.env.ENCHUFE_AT_ONCE ?? 64);
/** Namespaces that one connection joins in the tests of several. */
const TENANTS = 20;

/** Runs `one(i)` for each i below `count`, so many at a time; the first failure ends it. */
async function many(count, one) {
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      try {
        await one(i);
      } catch (error) {
        next = count;
        throw new Error(`attempt ${i} of ${count}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

describe(`first events, ${TOTAL} in all`, () => {
  let bed;
  before(async () => (bed = await start("app")));
  after(() => bed.kill());

  const share = (part) => Math.round(TOTAL * part);
  /** The reply to CONNECT, then the greeting, then the answer: nothing lost, nothing before its time. */
  const inOrder = (packets, i) => {
    assert.match(packets[0], /^40\{"sid":/);
    assert.match(packets[1], /^42\["welcome",/);
    assert.equal(packets[2], `430[${i}]`);
  };
  const three = async (socket) => [await socket.text(), await socket.text(), await socket.text()];

  better("WebSocket: in the same batch as CONNECT", () =>
    many(share(0.25), async (i) => {
      const socket = await RawWebSocket.session(bed.port);
      socket.send("40", `420["echo",${i}]`);
      inOrder(await three(socket), i);
      socket.destroy();
    }));

  test("WebSocket: the instant the reply arrives", () =>
    many(share(0.25), async (i) => {
      const socket = await RawWebSocket.session(bed.port);
      socket.send("40");
      const reply = await socket.text();
      socket.send(`420["echo",${i}]`);
      inOrder([reply, await socket.text(), await socket.text()], i);
      socket.destroy();
    }));

  better("WebSocket: all in the same segment as the upgrade request", () =>
    many(share(0.1), async (i) => {
      const socket = await RawWebSocket.session(bed.port, { early: texts("40", `420["echo",${i}]`) });
      inOrder(await three(socket), i);
      socket.destroy();
    }));

  better("polling: in the same payload as CONNECT", () =>
    many(share(0.12), async (i) => {
      const session = await Polling.open(bed.port, { agent: keepAlive });
      await session.send("40", `420["echo",${i}]`);
      inOrder(await session.receive(3), i);
      await session.send("1");
    }));

  test("polling: the instant the reply arrives, a poll under way", () =>
    many(share(0.12), async (i) => {
      const session = await Polling.open(bed.port, { agent: keepAlive });
      const polled = session.receive(1);
      await session.send("40");
      const packets = await polled;
      await session.send(`420["echo",${i}]`);
      while (packets.length < 3) packets.push(...(await session.receive(1)));
      inOrder(packets, i);
      await session.send("1");
    }));

  better("upgrade: CONNECT and event in one batch with the switch", () =>
    many(share(0.06), async (i) => {
      const session = await Polling.open(bed.port, { agent: keepAlive });
      const socket = await RawWebSocket.open(
        bed.port,
        `/socket.io/?EIO=4&transport=websocket&sid=${session.sid}`,
      );
      socket.send("2probe");
      assert.equal(await socket.text(), "3probe");
      socket.send("5", "40", `420["echo",${i}]`);
      inOrder(await three(socket), i);
      socket.destroy();
    }));

  better("many namespaces of one connection, each with its event in the batch", () =>
    many(share(0.1) / TENANTS, async (i) => {
      const socket = await RawWebSocket.session(bed.port);
      const tenants = Array.from({ length: TENANTS }, (_, t) => `/tenant-${i % 50}${t + 100}`);
      socket.send(...tenants.flatMap((nsp) => [`40${nsp},`, `42${nsp},0["echo",${i}]`]));
      const stages = new Map(tenants.map((nsp) => [nsp, []]));
      for (let n = 0; n < 3 * TENANTS; n++) {
        const packet = await socket.text();
        const nsp = /^4[023](\/[^,]+),/.exec(packet)[1];
        stages.get(nsp).push(packet.slice(2 + nsp.length + 1, 2 + nsp.length + 3));
      }
      for (const [nsp, got] of stages) assert.deepEqual(got, ['{"', '["', `0[`], nsp);
      socket.destroy();
    }));

  test("afterwards the server holds no connection that is gone", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    let clients = Infinity;
    for (let i = 0; i < 50 && clients > 1; i++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      socket.send('420["stats"]');
      clients = JSON.parse((await socket.text()).slice(3))[0].clients;
    }
    assert.equal(clients, 1);
    const { status } = await request(bed.port, "GET", "/healthz");
    assert.equal(status, 200);
    socket.destroy();
  });
});

describe("the order of 10,000 events", () => {
  let bed;
  before(async () => (bed = await start("app")));
  after(() => bed.kill());

  const COUNT = 10_000;
  const ascending = (received, prefix) =>
    received.forEach((packet, i) => assert.equal(packet, `42["${prefix}",${i}]`));

  test("WebSocket: as they were sent", async () => {
    const socket = await RawWebSocket.session(bed.port);
    await socket.connect();
    socket.send(...Array.from({ length: COUNT }, (_, i) => `42["echo",${i}]`));
    const received = [];
    while (received.length < COUNT) received.push(await socket.text());
    ascending(received, "echo");
    socket.destroy();
  });

  test("polling: over many payloads", async () => {
    const session = await Polling.open(bed.port, { agent: keepAlive });
    await session.connect();
    const received = [];
    const polling = (async () => {
      while (received.length < COUNT) received.push(...(await session.receive(1)));
    })();
    for (let i = 0; i < COUNT; i += 250) {
      await session.send(...Array.from({ length: 250 }, (_, j) => `42["echo",${i + j}]`));
    }
    await polling;
    ascending(received, "echo");
  });

  test("across an upgrade: half before, half behind", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const half = COUNT / 2;
    const event = (i) => `42["echo",${i}]`;
    const socket = await RawWebSocket.open(
      bed.port,
      `/socket.io/?EIO=4&transport=websocket&sid=${session.sid}`,
    );
    socket.send("2probe");
    assert.equal(await socket.text(), "3probe");
    await session.send(...Array.from({ length: half }, (_, i) => event(i)));
    socket.send("5", ...Array.from({ length: half }, (_, i) => event(half + i)));
    const received = [];
    while (received.length < COUNT) received.push(await socket.text());
    ascending(received, "echo");
    socket.destroy();
  });

  test("room messages, broadcasts and direct emits keep one order", async () => {
    const sender = await RawWebSocket.session(bed.port);
    const receiver = await RawWebSocket.session(bed.port);
    for (const socket of [sender, receiver]) {
      socket.send("40/tenant-1,");
      await socket.text();
      await socket.text();
    }
    receiver.send('42/tenant-1,0["join","room"]');
    assert.equal(await receiver.text(), "43/tenant-1,0[]");
    const kinds = ['"room","room"', '"others","room"', '"broadcast-others"', '"except","nobody"'];
    const events = Array.from({ length: COUNT }, (_, i) => `42/tenant-1,[${kinds[i % 4]},${i}]`);
    for (let i = 0; i < COUNT; i += 500) sender.send(...events.slice(i, i + 500));
    for (let i = 0; i < COUNT; i++) assert.equal(await receiver.text(), `42/tenant-1,["msg",${i}]`);
    sender.destroy();
    receiver.destroy();
  });
});
