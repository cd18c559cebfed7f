// Engine.IO over long-polling: payloads, heartbeats, and how a session ends.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { exchange, Polling, SEPARATOR } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { sleep, within } from "../lib/util.mjs";

describe("long-polling", () => {
  let bed;
  before(async () => (bed = await start("engine")));
  after(() => bed.kill());

  const open = () => Polling.open(bed.port, { path: "/engine.io/" });
  // A poll that may also bring the first heartbeat, 300 ms after the session opened.
  const echoes = (session, count) => session.receive(count);

  test("the handshake offers the upgrade and names the limits", async () => {
    const { handshake } = await open();
    assert.deepEqual(Object.keys(handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
    assert.deepEqual(handshake.upgrades, ["websocket"]);
    assert.deepEqual([handshake.pingInterval, handshake.pingTimeout], [300, 200]);
    assert.equal(handshake.maxPayload, 1_000_000);
  });

  test("one text message comes back", async () => {
    const session = await open();
    await session.send("4hello");
    assert.deepEqual(await echoes(session, 1), ["4hello"]);
  });

  test("several packets of one payload come back in order, in one answer", async () => {
    const session = await open();
    await session.send("4a", "4b", "4c");
    assert.deepEqual(await session.poll(), ["4a", "4b", "4c"]);
  });

  test("text of every plane, and an empty message, come back as they were", async () => {
    const session = await open();
    const messages = ["4", "4é", "4€", "4日本語", "4😀🏳️‍🌈", "4\u0000\u0001", "4\ufeff", "4\u2028\u2029", '4"\\n'];
    await session.send(...messages);
    assert.deepEqual(await echoes(session, messages.length), messages);
  });

  test("bytes travel as base64 between texts", async () => {
    const session = await open();
    await session.send("4text", "bAQIDBA==", "b", "bAA==", "4more");
    assert.deepEqual(await echoes(session, 5), ["4text", "bAQIDBA==", "b", "bAA==", "4more"]);
  });

  test("a poll waits for a message", async () => {
    const session = await open();
    const polled = session.poll();
    await sleep(100);
    await session.send("4late");
    assert.deepEqual(await polled, ["4late"]);
  });

  test("a large message comes back whole", async () => {
    const session = await open();
    const message = `4${"0123456789".repeat(90_000)}`;
    await session.send(message);
    const [echo] = await echoes(session, 1);
    assert.ok(echo === message, `${echo.length} bytes`);
  });

  test("thousands of packets in one payload keep their order", async () => {
    const session = await open();
    const messages = Array.from({ length: 5000 }, (_, i) => `4${i}`);
    await session.send(...messages);
    assert.deepEqual(await echoes(session, 5000), messages);
  });

  test("the server pings, a pong keeps the session, and pings go on", async () => {
    const session = await open();
    for (let i = 0; i < 3; i++) {
      const asked = Date.now();
      assert.deepEqual(await session.poll(), ["2"]);
      const took = Date.now() - asked;
      assert.ok(took > 200 && took < 450, `the ping came after ${took} ms`);
      await session.send("3");
    }
  });

  test("without a pong the session ends after the time-out", async () => {
    const session = await open();
    assert.deepEqual(await session.poll(), ["2"]);
    await sleep(300);
    assert.equal(await session.alive(), false);
  });

  test("a session that is never polled ends", async () => {
    const session = await open();
    await sleep(650);
    assert.equal(await session.alive(), false);
  });

  test("a second poll at the same time ends the session", async () => {
    const session = await open();
    const first = session.get();
    await sleep(20);
    const second = await session.get();
    assert.equal(second.status, 400);
    const { status, body } = await within(first, 1000, "the first poll's answer");
    assert.deepEqual([status, body], [200, "1"]);
    assert.equal(await session.alive(), false);
  });

  test("a second POST at the same time ends the session", async () => {
    const session = await open();
    // The first stays open: it promises more than it sends.
    const head = `POST ${session.target} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n`;
    const first = exchange(bed.port, `${head}Content-Length: 50\r\n\r\n4half`);
    await sleep(50);
    const second = await session.post("4b");
    assert.equal(second.status, 400);
    assert.equal(await session.alive(), false);
    const { text } = await first;
    assert.doesNotMatch(text, /^HTTP\/1.1 200/);
  });

  test("a poll that its client gives up ends the session", async () => {
    const session = await open();
    const stop = new AbortController();
    const polled = session.get({ signal: stop.signal }).catch((error) => error.name);
    await sleep(50);
    stop.abort();
    assert.equal(await polled, "AbortError");
    await sleep(50);
    assert.equal(await session.alive(), false);
  });

  test("a close packet ends the session and frees the waiting poll", async () => {
    const session = await open();
    const polled = session.get();
    await sleep(20);
    await session.send("1");
    const { status, body } = await within(polled, 1000, "the waiting poll's answer");
    assert.deepEqual([status, body], [200, "6"]);
    assert.equal(await session.alive(), false);
  });

  for (const [what, packet] of [
    ["an unknown packet type", "abc"],
    ["a packet type past the last", "9"],
    ["a ping, which is the server's", "2"],
    ["an empty payload", ""],
  ]) {
    test(`${what} ends the session`, async () => {
      const session = await open();
      // The answer to the POST is not settled by the protocol: refused, or the connection reset.
      const status = await session.post(packet).then((answer) => answer.status, () => 0);
      assert.ok([0, 200, 400].includes(status), `status ${status}`);
      assert.equal(await session.alive(), false);
    });
  }

  better("base64 that is none ends the session", async () => {
    for (const packet of ["b!!!!", "bA", "b===="]) {
      const session = await open();
      const status = await session.post(packet).then((answer) => answer.status, () => 0);
      assert.ok([0, 400].includes(status), `${packet}: status ${status}`);
      assert.equal(await session.alive(), false, packet);
    }
  });

  better("bytes that are no UTF-8 end the session", async () => {
    for (const hex of ["34ff", "34c0af", "34eda080", "34f4908080", "34e282"]) {
      const session = await open();
      const status = await session.post(Buffer.from(hex, "hex")).then((answer) => answer.status, () => 0);
      assert.ok([0, 400].includes(status), `${hex}: status ${status}`);
      assert.equal(await session.alive(), false, hex);
    }
  });

  better("a payload that is good up to a bad packet ends the session", async () => {
    const session = await open();
    const status = await session.post(`4good${SEPARATOR}9bad`).then((answer) => answer.status, () => 0);
    assert.ok([0, 200, 400].includes(status));
    assert.equal(await session.alive(), false);
  });

  test("messages of many sessions do not mix", async () => {
    const sessions = await Promise.all(Array.from({ length: 50 }, open));
    await Promise.all(sessions.map((session, i) => session.send(`4${i}`)));
    const echoed = await Promise.all(sessions.map((session) => session.receive(1)));
    assert.deepEqual(echoed.flat(), sessions.map((_, i) => `4${i}`));
  });
});
