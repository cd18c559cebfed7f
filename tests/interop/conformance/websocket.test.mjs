// Engine.IO over WebSocket, and the WebSocket itself (RFC 6455) as the server must speak it.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { WebSocket } from "ws";
import { exchange } from "../lib/http.mjs";
import { better, start } from "../lib/testbed.mjs";
import { frame, OP, RawWebSocket, texts, upgradeRequest } from "../lib/websocket.mjs";
import { sleep } from "../lib/util.mjs";

const TARGET = "/engine.io/?EIO=4&transport=websocket";

describe("WebSocket", () => {
  let bed;
  before(async () => (bed = await start("engine")));
  after(() => bed.kill());

  const open = (options) => RawWebSocket.session(bed.port, { path: "/engine.io/", ...options });
  const refused = async (target, message, options) => {
    const socket = await RawWebSocket.open(bed.port, target, options);
    assert.equal(socket.status, 400, socket.head);
    await socket.closed;
    if (message) assert.ok(socket.rest.includes(message), socket.rest);
  };

  test("the handshake offers no upgrade", async () => {
    const socket = await open();
    assert.deepEqual(socket.handshake.upgrades, []);
    assert.deepEqual(Object.keys(socket.handshake), [
      "sid",
      "upgrades",
      "pingInterval",
      "pingTimeout",
      "maxPayload",
    ]);
    socket.destroy();
  });

  test("text and bytes come back as they were", async () => {
    const socket = await open();
    socket.send("4hello", "4日本語 😀", "4");
    assert.equal(await socket.text(), "4hello");
    assert.equal(await socket.text(), "4日本語 😀");
    assert.equal(await socket.text(), "4");
    socket.write(frame(OP.binary, [1, 2, 3, 4]));
    const { opcode, payload } = await socket.frame();
    assert.deepEqual([opcode, [...payload]], [OP.binary, [1, 2, 3, 4]]);
    socket.destroy();
  });

  test("every length encoding works both ways", async () => {
    const socket = await open();
    for (const length of [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 900_000]) {
      const data = Buffer.alloc(length, length % 251);
      socket.write(frame(OP.binary, data));
      const { opcode, payload } = await socket.frame();
      if (opcode === OP.text) {
        socket.send("3");
        assert.ok((await socket.frame()).payload.equals(data), `${length} bytes`);
      } else {
        assert.ok(payload.equals(data), `${length} bytes`);
      }
    }
    socket.destroy();
  });

  test("a message in fragments is put together, controls between them answered at once", async () => {
    const socket = await open();
    const bytes = Buffer.from("4fragmented 😀 text");
    socket.write(frame(OP.text, bytes.subarray(0, 3), { fin: false }));
    socket.write(frame(OP.ping, "are you there"));
    assert.deepEqual(await socket.frame(), { opcode: OP.pong, payload: Buffer.from("are you there") });
    // The cut falls inside the emoji's four bytes.
    socket.write(frame(OP.continuation, bytes.subarray(3, 14), { fin: false }));
    socket.write(frame(OP.continuation, "", { fin: false }));
    socket.write(frame(OP.continuation, bytes.subarray(14)));
    assert.equal(await socket.text(), "4fragmented 😀 text");
    socket.destroy();
  });

  test("a frame that arrives byte by byte is read", async () => {
    const socket = await open();
    for (const byte of frame(OP.text, "4slow")) {
      socket.write(Buffer.from([byte]));
      await sleep(5);
    }
    assert.equal(await socket.text(), "4slow");
    socket.destroy();
  });

  test("many frames in one segment are answered in order", async () => {
    const socket = await open();
    const messages = Array.from({ length: 2000 }, (_, i) => `4${i}`);
    socket.send(...messages);
    for (const message of messages) assert.equal(await socket.text(), message);
    socket.destroy();
  });

  better("frames in the same segment as the upgrade request are not lost", async () => {
    for (let i = 0; i < 50; i++) {
      const socket = await open({ early: texts("4early", "4bird") });
      assert.equal(await socket.text(), "4early");
      assert.equal(await socket.text(), "4bird");
      socket.destroy();
    }
  });

  test("a close is answered with its code", async () => {
    const socket = await open();
    socket.write(frame(OP.close, [0x03, 0xe8]));
    const code = await socket.closing();
    assert.ok([1000, 1005].includes(code), `close code ${code}`);
    await socket.closed;
  });

  test("the server pings, a pong keeps the session", async () => {
    const socket = await open();
    for (let i = 0; i < 3; i++) {
      const asked = Date.now();
      const { opcode, payload } = await socket.frame();
      assert.deepEqual([opcode, payload.toString()], [OP.text, "2"]);
      const took = Date.now() - asked;
      assert.ok(took > 200 && took < 450, `the ping came after ${took} ms`);
      socket.send("3");
    }
    socket.destroy();
  });

  test("without a pong the connection is closed after the time-out", async () => {
    const opened = Date.now();
    const socket = await open();
    await socket.closing(1500);
    const took = Date.now() - opened;
    assert.ok(took > 400 && took < 1000, `closed after ${took} ms`);
  });

  for (const [what, packet] of [
    ["an unknown packet type", "abc"],
    ["a packet type past the last", "9"],
    ["a ping, which is the server's", "2"],
    ["an empty text", ""],
  ]) {
    test(`${what} closes the connection`, async () => {
      const socket = await open();
      socket.send(packet);
      await socket.closing(400);
    });
  }

  better("a close packet ends the session at once", async () => {
    const socket = await open();
    socket.send("1");
    await socket.closing(250);
  });

  for (const [what, code, bytes] of [
    ["an unmasked frame", 1002, frame(OP.text, "4x", { masked: false })],
    ["a reserved bit that was not negotiated", 1002, frame(OP.text, "4x", { reserved: 4 })],
    ["the second reserved bit", 1002, frame(OP.text, "4x", { reserved: 2 })],
    ["an unknown opcode", 1002, frame(3, "4x")],
    ["an unknown control opcode", 1002, frame(11, "")],
    ["a continuation of nothing", 1002, frame(OP.continuation, "4x")],
    ["a control frame in fragments", 1002, frame(OP.ping, "x", { fin: false })],
    ["a control frame that is too long", 1002, frame(OP.ping, "x".repeat(126))],
    ["a close with half a code", 1002, frame(OP.close, [3])],
    ["a close with a code that nobody may send", 1002, frame(OP.close, [0x03, 0xed])],
    ["a close with a code below the range", 1002, frame(OP.close, [0x00, 0x10])],
    ["a close with a reason that is no UTF-8", 1007, frame(OP.close, [0x03, 0xe8, 0xff])],
    ["text that is no UTF-8", 1007, frame(OP.text, [0x34, 0xff, 0xfe])],
    ["text with half a surrogate pair", 1007, frame(OP.text, [0x34, 0xed, 0xa0, 0x80])],
    ["text that ends inside a character", 1007, frame(OP.text, [0x34, 0xe2, 0x82])],
    ["a message past the limit", 1009, frame(OP.text, `4${"x".repeat(1_000_001)}`)],
    [
      "a second message begun inside the first",
      1002,
      Buffer.concat([frame(OP.text, "4a", { fin: false }), frame(OP.text, "4b")]),
    ],
    [
      "fragments that add up past the limit",
      1009,
      Buffer.concat([
        frame(OP.text, `4${"x".repeat(600_000)}`, { fin: false }),
        frame(OP.continuation, "x".repeat(600_000)),
      ]),
    ],
  ]) {
    test(`${what} closes with ${code}`, async () => {
      const socket = await open();
      socket.write(bytes);
      assert.equal(await socket.closing(450), code);
    });
  }

  test("a length that nobody can mean is refused before the bytes come", async () => {
    const socket = await open();
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(1n << 62n);
    socket.write(Buffer.concat([Buffer.from([0x82, 0xff]), length, Buffer.alloc(4)]));
    assert.equal(await socket.closing(450), 1009);
  });

  test("a length with its highest bit set is refused", async () => {
    const socket = await open();
    socket.write(Buffer.concat([Buffer.from([0x82, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(4)]));
    assert.ok([1002, 1009].includes(await socket.closing(450)));
  });

  test("an extension that was offered but not taken is not answered", async () => {
    const socket = await open({ headers: { "Sec-WebSocket-Extensions": "permessage-deflate" } });
    assert.doesNotMatch(socket.head, /sec-websocket-extensions/i);
    socket.destroy();
  });

  test("an unknown session is refused", () => refused(`${TARGET}&sid=zzz`, "Session ID unknown"));

  test("an unknown transport is refused", () => refused("/engine.io/?EIO=4&transport=foo"));

  better("another protocol version is refused without a 101", () =>
    refused(TARGET.replace("EIO=4", "EIO=5"), "Unsupported protocol version"));

  better("an upgrade with transport=polling is refused without a 101", () =>
    refused("/engine.io/?EIO=4&transport=polling"));

  test("an upgrade without a key, or for another version, is refused", async () => {
    for (const headers of [
      { "Sec-WebSocket-Key": undefined },
      { "Sec-WebSocket-Key": "short" },
      { "Sec-WebSocket-Version": "12" },
      { "Sec-WebSocket-Version": undefined },
    ]) {
      const socket = await RawWebSocket.open(bed.port, TARGET, { headers });
      assert.ok(socket.status >= 400 && socket.status < 500, socket.head);
      await socket.closed;
    }
  });

  test("an upgrade by POST, or to something else, is refused", async () => {
    const { text } = upgradeRequest(bed.port, TARGET);
    const post = await exchange(bed.port, text.replace("GET", "POST"), { ms: 1000 });
    assert.match(post.text, /^HTTP\/1\.1 4\d\d/);
    const other = await exchange(bed.port, text.replace("Upgrade: websocket", "Upgrade: h2c"), { ms: 1000 });
    assert.doesNotMatch(other.text, /^HTTP\/1\.1 101/);
  });

  test("header names and values are compared as HTTP says", async () => {
    const socket = await RawWebSocket.open(bed.port, TARGET, {
      headers: { Upgrade: "WebSocket", Connection: "keep-alive, upgrade" },
    });
    assert.equal(socket.status, 101, socket.head);
    socket.destroy();
  });

  test("an honest client library works", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${bed.port}${TARGET}`);
    const messages = [];
    await new Promise((resolve, reject) => {
      socket.on("error", reject);
      socket.on("message", (data, binary) => {
        messages.push(binary ? [...data] : data.toString());
        if (messages.length === 1) {
          socket.send("4text");
          socket.send(Buffer.from([5, 6]));
        }
        if (messages.length === 3) resolve();
      });
    });
    socket.terminate();
    assert.deepEqual(messages.slice(1), ["4text", [5, 6]]);
  });
});
