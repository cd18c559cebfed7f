// The upgrade from long-polling to WebSocket: probe, switch, and everything that can go wrong.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Polling, request } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { frame, OP, RawWebSocket, texts } from "../lib/websocket.mjs";
import { sleep, within } from "../lib/util.mjs";

const PATH = "/socket.io/";

describe("upgrade", () => {
  let bed;
  before(async () => (bed = await start("app", "--upgrade-timeout", "600")));
  after(() => bed.kill());

  const target = (session) => `${PATH}?EIO=4&transport=websocket&sid=${session.sid}`;
  const probe = (session, options) => RawWebSocket.open(bed.port, target(session), options);
  /** A connected session and its probed WebSocket. */
  const probed = async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const socket = await probe(session);
    assert.equal(socket.status, 101, socket.head);
    socket.send("2probe");
    assert.equal(await socket.text(), "3probe");
    return { session, socket };
  };
  const upgraded = async () => {
    const both = await probed();
    both.socket.send("5");
    both.socket.send('420["whoami"]');
    assert.match(await both.socket.text(), /^430\[\{.*"transport":"websocket"/);
    return both;
  };

  test("a probed session moves to the WebSocket", async () => {
    const { socket } = await upgraded();
    socket.send('421["echo",1]');
    assert.equal(await socket.text(), "431[1]");
    socket.destroy();
  });

  test("while probing, the waiting poll is let go with a noop", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const polled = session.poll();
    const socket = await probe(session);
    socket.send("2probe");
    assert.equal(await socket.text(), "3probe");
    assert.deepEqual(await within(polled, 1000, "the noop"), ["6"]);
    socket.send("5");
    socket.destroy();
  });

  test("until the switch, messages go by polling", async () => {
    const { session, socket } = await probed();
    await session.send('420["echo","polled"]');
    assert.deepEqual(await session.receive(1), ['430["polled"]']);
    socket.send("5", '421["echo","switched"]');
    assert.equal(await socket.text(), '431["switched"]');
    socket.destroy();
  });

  test("what was waiting for a poll is sent after the switch, in order", async () => {
    const { session, socket } = await probed();
    const events = Array.from({ length: 50 }, (_, i) => `42["echo",${i}]`);
    await session.send(...events);
    socket.send("5", '42["echo","last"]');
    for (let i = 0; i < 50; i++) assert.equal(await socket.text(), `42["echo",${i}]`);
    assert.equal(await socket.text(), '42["echo","last"]');
    socket.destroy();
  });

  better("probe and switch in the same segment as the upgrade request", async () => {
    const session = await Polling.open(bed.port);
    await session.connect();
    const socket = await probe(session, { early: texts("2probe", "5", '420["echo","early"]') });
    assert.equal(await socket.text(), "3probe");
    assert.equal(await socket.text(), '430["early"]');
    socket.destroy();
  });

  test("after the switch, polling requests of the session are refused and do no harm", async () => {
    const { session, socket } = await upgraded();
    for (const answer of [await session.get(), await session.post("42[\"echo\",1]")]) {
      assert.equal(answer.status, 400);
      assert.equal(JSON.parse(answer.body).code, 3);
    }
    socket.send('422["echo",2]');
    assert.equal(await socket.text(), "432[2]");
    socket.destroy();
  });

  test("a second WebSocket of an upgraded session is closed, the first goes on", async () => {
    const { session, socket } = await upgraded();
    const second = await probe(session);
    if (second.status === 101) {
      second.send("2probe");
      await second.closing(1500);
    } else {
      assert.equal(second.status, 400);
    }
    socket.send('423["echo",3]');
    assert.equal(await socket.text(), "433[3]");
    socket.destroy();
  });

  test("a second probe at the same time is closed, the first goes on", async () => {
    const { session, socket } = await probed();
    const second = await probe(session);
    if (second.status === 101) await second.closing(1500);
    socket.send("5", '420["echo",1]');
    assert.equal(await socket.text(), "430[1]");
    socket.destroy();
  });

  for (const [what, bytes] of [
    ["a message", texts('42["echo",1]')],
    ["a probe with other text", texts("2other")],
    ["a bare ping", texts("2")],
    ["bytes", frame(OP.binary, [1, 2, 3])],
    ["an unknown packet", texts("9")],
    ["a close", frame(OP.close, [0x03, 0xe8])],
  ]) {
    test(`${what} instead of the probe closes only the WebSocket`, async () => {
      const session = await Polling.open(bed.port);
      await session.connect();
      const socket = await probe(session);
      socket.write(bytes);
      await socket.closing(1000);
      await session.send('420["echo","still here"]');
      assert.deepEqual(await session.receive(1), ['430["still here"]']);
    });
  }

  test("a message between probe and switch closes only the WebSocket", async () => {
    const { session, socket } = await probed();
    socket.send('42["echo",1]');
    await socket.closing(1000);
    await session.send('420["echo","still here"]');
    assert.deepEqual(await session.receive(1), ['430["still here"]']);
  });

  test("a probe that never switches is closed in time, the session goes on and may try again", async () => {
    const { session, socket } = await probed();
    const since = Date.now();
    await socket.closing(2000);
    const took = Date.now() - since;
    assert.ok(took > 400, `closed after ${took} ms`);
    await session.send('420["echo",1]');
    assert.deepEqual(await session.receive(1), ["430[1]"]);
    const again = await probe(session);
    again.send("2probe");
    assert.equal(await again.text(), "3probe");
    again.send("5", '421["echo",2]');
    assert.equal(await again.text(), "431[2]");
    again.destroy();
  });

  test("a WebSocket that breaks while probing leaves the session as it was", async () => {
    const { session, socket } = await probed();
    socket.destroy();
    await sleep(50);
    await session.send('420["echo",1]');
    assert.deepEqual(await session.receive(1), ["430[1]"]);
  });

  test("a WebSocket that breaks after the switch ends the session", async () => {
    const { session, socket } = await upgraded();
    socket.destroy();
    await sleep(100);
    assert.equal(await session.alive(), false);
  });

  test("a session that ends while it is probed closes the WebSocket", async () => {
    const { session, socket } = await probed();
    await session.send("1");
    await socket.closing(1500);
    assert.equal(await session.alive(), false);
  });

  test("many sessions upgrade at once", async () => {
    const all = await Promise.all(Array.from({ length: 40 }, upgraded));
    for (const { socket } of all) socket.destroy();
  });
});

describe("--no-upgrade and --transports", () => {
  test("without upgrades none is offered", async () => {
    const bed = await start("app", "--no-upgrade");
    try {
      const session = await Polling.open(bed.port);
      assert.deepEqual(session.handshake.upgrades, []);
    } finally {
      await bed.kill();
    }
  });

  test("a transport that is switched off is unknown", async () => {
    const bed = await start("app", "--transports", "websocket");
    try {
      const { status, body } = await request(bed.port, "GET", `${PATH}?EIO=4&transport=polling`);
      assert.deepEqual([status, JSON.parse(body).code], [400, 0]);
      const socket = await RawWebSocket.session(bed.port);
      assert.match(await socket.connect(), /^40\{"sid":/);
      socket.destroy();
    } finally {
      await bed.kill();
    }
    const polling = await start("app", "--transports", "polling");
    try {
      const socket = await RawWebSocket.open(polling.port, `${PATH}?EIO=4&transport=websocket`);
      assert.equal(socket.status, 400);
      assert.deepEqual((await Polling.open(polling.port)).handshake.upgrades, []);
    } finally {
      await polling.kill();
    }
  });
});
